//! The benchmark's command line; what it measures decides no test.

use std::process::Command;

#[test]
fn too_few_nodes_for_the_layers_are_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_engine-benchmark"))
        .args(["scale", "--engine", "/bin/true", "--cookbook", "/bin/true", "--nodes", "2"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("from 3 to"), "{errors}");
}
