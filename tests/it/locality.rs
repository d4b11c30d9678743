//! The shipped part stays in its place: `blend channels score` on a handful of pictures that were not clustered.

use super::run::root;
use serde_json::Value;
use std::process::Command;

/// What a score says.
fn score(args: &[&str]) -> Value {
    let run = Command::new(env!("CARGO_BIN_EXE_blend"))
        .args(["channels", "score", "--json"])
        .args(args)
        .current_dir(root())
        .output()
        .expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    serde_json::from_slice(&run.stdout).expect("it prints JSON")
}

/// A mode of a recipe is local: 4 times as random masks of the same size, with a quarter of the whole swap.
#[track_caller]
fn check(recipe: &str, mode: &str) {
    let said = score(&[recipe, "--modes", mode, "--seeds", "1000..1007", "--random", "6"]);
    let own = &said["modes"][0];
    let number = |name: &str| own[name].as_f64().expect("a number");
    assert_eq!(own["random"]["ratios"].as_array().map(Vec::len), Some(6));
    assert!(number("times") >= 4.0 && number("share") >= 0.25, "{recipe}: {own}");
    assert_eq!(own["local"], true);
    // The whole swap is not local at all.
    assert!(said["swap"]["ratio"].as_f64().expect("a number") < number("ratio") / 4.0, "{said}");
}

#[test]
fn parts_stay_in_their_place() {
    check("recipes/stylegan2/hair.blend", "out");
    check("recipes/stylegan2/parts.blend", "in");
}

#[test]
fn scores_do_not_depend_on_threads() {
    let of = |threads: &str| {
        let args = ["recipes/stylegan2/hair.blend", "--seeds", "1000,1001", "--random", "2", "--modes", "unit,style"];
        let mut said = score(&[&args[..], &["--threads", threads][..]].concat());
        // What drew tells of threads.
        said["device"].take();
        said
    };
    assert_eq!(of("1"), of("3"));
}
