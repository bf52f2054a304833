//! Connection URLs as sqlx takes them: what it does not know in the query it ignores, where the engine makes server
//! settings of them, as pgx does. What libpq knows is kept beside.

use std::borrow::Cow;

const KNOWN: &[&str] = &[
    // sqlx
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    // libpq
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "passfile",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcrl",
    "sslcrldir",
    "sslpassword",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || ["options[", "options%5B", "options%5b"].iter().any(|begin| key.starts_with(begin))
}

/// The URL without the keys that sqlx ignores, and those keys. What is no URL is left as it is.
pub(crate) fn without_unknown(url: &str) -> (Cow<'_, str>, Vec<&str>) {
    let Some((address, query)) = url.split_once('?').filter(|(address, _)| address.contains("://")) else {
        return (url.into(), Vec::new());
    };
    let key = |pair: &str| pair.split('=').next().map_or(0, str::len);
    let (kept, dropped): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|pair| !pair.is_empty()).partition(|pair| is_known(&pair[..key(pair)]));
    let ignored: Vec<&str> = dropped.into_iter().map(|pair| &pair[..key(pair)]).collect();
    if ignored.is_empty() {
        return (url.into(), ignored);
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    (format!("{address}{separator}{}", kept.join("&")).into(), ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_dropped_from_urls_only() {
        for (url, wanted, ignored) in [
            ("postgres://h/d", "postgres://h/d", vec![]),
            ("postgres://h/d?schema=x", "postgres://h/d", vec!["schema"]),
            ("postgres://h/d?sslmode=prefer&&x=a?b&port=1", "postgres://h/d?sslmode=prefer&port=1", vec!["x"]),
            ("postgres://h/d?options[a]=b&options%5Bc%5D=d", "postgres://h/d?options[a]=b&options%5Bc%5D=d", vec![]),
            ("embedded:?temp=1", "embedded:?temp=1", vec![]),
            ("host=h password=a?b=c", "host=h password=a?b=c", vec![]),
        ] {
            assert_eq!(without_unknown(url), (wanted.into(), ignored));
        }
    }
}
