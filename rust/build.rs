//! Compiles the C core and links libpq and cJSON. In the repository the core is the one copy there is, next to this
//! crate; in a package it was copied into the crate when that was packed.

use std::path::PathBuf;

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let core = ["../core", "core"]
        .map(|place| here.join(place))
        .into_iter()
        .find(|place| place.join("all.c").exists())
        .expect("the C core is neither beside the crate nor in it");
    println!("cargo:rerun-if-changed={}", core.display());

    let mut build = cc::Build::new();
    build
        .file(core.join("all.c"))
        .include(core.join("include"))
        .std("gnu11")
        .flag("-fvisibility=hidden")
        .flag("-pthread")
        .warnings(false);
    for library in ["libpq", "libcjson"] {
        let found = pkg_config::Config::new()
            .cargo_metadata(false)
            .probe(library)
            .unwrap_or_else(|error| panic!("{library} with its headers is needed (Debian: {library}-dev): {error}"));
        build.includes(found.include_paths);
    }
    build.compile("statekeep_core");
    // After the core, which needs them: linkers resolve from left to right.
    for library in ["libpq", "libcjson"] {
        pkg_config::probe_library(library).expect("it was there a moment ago");
    }
}
