//! Takes the peer's own tests from its published source, where cargo unpacked it: they are not ours to keep.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let metadata = Command::new(env::var("CARGO").expect("cargo sets it"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform"])
        .arg(env::var("TARGET").expect("cargo sets it")) // the others' packages are not there
        .output()
        .expect("cargo metadata");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON of cargo metadata");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let peer = packages.iter().find(|package| package["name"] == "agents-persistence").expect("a dependency");
    let manifest = Path::new(peer["manifest_path"].as_str().expect("a path"));
    let source = manifest.with_file_name("src").join("postgres_checkpointer.rs");
    let text = fs::read_to_string(&source).expect("the peer's source");
    let (_, tests) = text.split_once("#[cfg(test)]\n").expect("tests in the peer's source");
    let target = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("peers_own.rs");
    fs::write(target, tests).expect("a writable build directory");
    println!("cargo:rerun-if-changed={}", source.display());
}
