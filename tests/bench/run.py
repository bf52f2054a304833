"""Runs the benches of all languages on one server with fsync on, and prints one table with the floors of the project.

    run.py [--rounds 5] [--seconds 1] [--only python,python-uvloop,roomkit,memory,gathering,go,ruby,ruby-fibers,rust,c,…] [--json FILE]

Each figure is the median of the rounds' ratios, ours over theirs, with the least and the greatest. Floors are reported,
never asserted: a busy machine is not a broken promise. Needs what scripts/build.sh builds.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

from server import Server  # noqa: E402

C_FLOOR = 0.85  # within 15 % of bare libpq
C_CALLS = 2000
SHARES = (8, 32, 128)  # least calls a connection takes of the queue; the second is what ships


def python_rows(url, options, *more):
    return decoded(
        [
            sys.executable,
            HERE / "python" / "bench.py",
            url,
            "--rounds",
            options.rounds,
            "--seconds",
            options.seconds,
            *more,
        ]
    )


def roomkit_rows(url, options):
    bench = [sys.executable, HERE / "python" / "roomkit_bench.py", url]
    return decoded([*bench, "--rounds", options.rounds, "--seconds", options.seconds])


def memory_rows(url, options):
    """On a server of its own, as this one has no pgvector."""
    return decoded([sys.executable, HERE / "python" / "memory_bench.py", "--rounds", options.rounds])


def gathering_rows(url, options):
    bench = [sys.executable, HERE / "python" / "gathering_bench.py", url]
    return decoded([*bench, "--rounds", options.rounds, "--seconds", options.seconds])


def go_rows(url, options):
    program = ROOT / "build" / "bench" / "go"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "go", check=True)
    return decoded([program, "-dsn", url, "-rounds", options.rounds, "-seconds", f"{options.seconds}"])


def ruby_rows(url, options, *more):
    program = ["ruby", HERE / "ruby" / "bench.rb", url]
    return decoded([*program, "--rounds", options.rounds, "--seconds", options.seconds, *more])


def rust_rows(url, options):
    target = ROOT / "build" / "cargo"
    command = ["cargo", "build", "--release", "--quiet", "--locked", "--manifest-path", ROOT / "rust" / "Cargo.toml"]
    subprocess.run([*command, "--package", "statekeep-bench", "--target-dir", target], check=True)
    return decoded([target / "release" / "statekeep-bench", url, options.rounds, options.seconds])


def build_c(name, source, *more):
    program = ROOT / "build" / "bench" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libpq", "libcjson"], check=True, capture_output=True, text=True
    ).stdout.split()
    sources = [ROOT / "core" / "all.c", HERE / "c" / source]
    compiler = ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-pthread", f"-I{ROOT / 'core' / 'include'}"]
    subprocess.run([*compiler, *more, *sources, *flags, "-o", program], check=True)
    return program


def c_rows(url, options):
    program = build_c("c", "bench.c")
    return [
        {"workload": workload, "callers": 1, "floor": C_FLOOR, "ratio": spread(ratios)}
        for workload, ratios in output([program, url, options.rounds, C_CALLS]).items()
    ]


def share_rows(url, options):
    """Other least shares over the one that ships, which takes the place of "theirs"."""
    programs = [build_c(f"share-{share}", "share.c", f"-DKEEP_SHARE_MIN={share}") for share in SHARES]
    rounds = []
    for number in range(options.rounds):
        rates = {}
        for share, program in sorted(zip(SHARES, programs), reverse=number % 2):
            rates[share] = output([program, url, options.seconds])
            print(f"share {share}: {rates[share]}", file=sys.stderr)
        rounds.append(rates)
    shipped = SHARES[1]
    peer = BENCHES["c-shares"][0]
    measured = [(workload, callers) for workload, rates in rounds[0][shipped].items() for callers in rates]
    rows = []
    for workload, callers in measured:
        for share in (SHARES[0], SHARES[2]):
            pairs = [(rates[share][workload][callers], rates[shipped][workload][callers]) for rates in rounds]
            ours, theirs = map(spread, zip(*pairs))
            row = {"workload": f"{workload}, {share}", "callers": callers, "ratio": spread([a / b for a, b in pairs])}
            rows.append({**row, "statekeep_per_second": ours, f"{peer}_per_second": theirs})
    return rows


BENCHES = {
    "python": ("asyncpg", python_rows),
    "python-uvloop": ("asyncpg", lambda url, options: python_rows(url, options, "--uvloop")),
    "roomkit": ("roomkit", roomkit_rows),
    "memory": ("psycopg", memory_rows),
    "gathering": ("peer", gathering_rows),
    "go": ("pgxpool", go_rows),
    "ruby": ("sequel", ruby_rows),
    "ruby-fibers": ("sequel", lambda url, options: ruby_rows(url, options, "--callers", "16,64", "--fibers")),
    "rust": ("agents_persistence", rust_rows),
    "c": ("bare libpq", c_rows),
    "c-shares": ("a share of 32", share_rows),
}


def spread(values):
    return [min(values), statistics.median(values), max(values)]


def output(command):
    """The JSON that a program prints; its standard error, which tells how far it is, goes through."""
    return json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout)


def decoded(command):
    return output(command)["rows"]


def columns(*cells):
    """One line of the table."""
    bench, peer, workload, callers, ours, theirs, ratio, floor, met = cells
    return f"{bench:14} {peer:18} {workload:17} {callers:>7} {ours:>9} {theirs:>9}  {ratio:20} {floor:>5} {met}"


def line(bench, peer, row):
    least, median, greatest = row["ratio"]
    floor = row.get("floor")
    met = "" if not floor else "met" if median >= floor else "MISSED"
    rates = [f"{row[side][1]:,.0f}" if side in row else "" for side in ("statekeep_per_second", f"{peer}_per_second")]
    ratio = f"{median:6.2f} ({least:.2f}-{greatest:.2f})"
    return columns(bench, peer, row["workload"], row["callers"], *rates, ratio, floor or "", met)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--only", default=",".join(BENCHES), help="benches, by commas")
    parser.add_argument("--json", type=pathlib.Path, help="where to put all figures")
    options = parser.parse_args()
    results, broken = {}, []
    with Server() as server:
        version = server.query("show server_version")[0][0]
        for name in options.only.split(","):
            peer, run = BENCHES[name]
            url = server.url(server.create_database())
            try:
                results[name] = {"peer": peer, "rows": run(url, options)}
            except (OSError, subprocess.CalledProcessError) as error:
                broken.append(f"{name}: {error}")
    machine = f"{platform.machine()}, {platform.system()} {platform.release()}"
    print(f"\n{machine}, PostgreSQL {version}, fsync on, 1 KiB states; ratios are median (least-greatest)")
    print(columns("bench", "against", "workload", "callers", "ours/s", "theirs/s", " ratio", "floor", ""))
    for name, result in results.items():
        for row in result["rows"]:
            print(line(name, result["peer"], row))
    for problem in broken:
        print(f"did not run: {problem}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
