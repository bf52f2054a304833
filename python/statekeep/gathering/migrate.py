"""Makes GatheRing's schemas, or brings them up to date: ``python -m statekeep.gathering.migrate``."""

from __future__ import annotations

import argparse
import sys

from .. import store
from ..errors import Error
from . import seeds
from .config import Config


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m statekeep.gathering.migrate", description=__doc__)
    parser.add_argument("--url", help="of the database; without it DATABASE_URL, or DB_HOST and the others, say")
    parser.add_argument("--dry-run", action="store_true", help="print the SQL, change nothing")
    parser.add_argument("--seed", action="store_true", help="also load the data of the installed package gathering")
    parser.add_argument("--status", action="store_true", help="print what was applied, change nothing")
    given = parser.parse_args(arguments)
    config = Config.from_url(given.url) if given.url else Config.from_env()
    try:
        with store.Store(config.dsn, {}) as opened:
            if given.dry_run:
                for op in ("gathering.setup", "schedule.setup"):
                    print(opened.call("admin.setup_sql", op=op))
            elif given.status:
                _print_status(opened)
            else:
                opened.call("gathering.setup", timeout=600)
                opened.call("schedule.setup")
                if given.seed:
                    _seed(opened)
                _print_status(opened)
    except Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _seed(opened: store.Store) -> None:
    folder = seeds.installed()
    if folder is None:
        raise Error("the package gathering, whose data is to be loaded, is not installed")
    for name, sql in seeds.statements(folder):
        opened.query(sql, timeout=600)
        print(f"loaded {name}")


def _print_status(opened: store.Store) -> None:
    if opened.query("select to_regclass('public.statekeep_migrations')")[0][0] is None:
        print("nothing was applied")
        return
    for row in opened.query(
        "select version, name, applied_at from public.statekeep_migrations where store = 'gathering' order by version"
    ):
        print(f"{row['version']:3}  {row['name']:30}  {row['applied_at']}")


if __name__ == "__main__":
    sys.exit(main())
