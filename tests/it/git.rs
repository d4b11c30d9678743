//! Recipes in git: a history with two branches, merged and shown through the drivers that `blend git install` sets up.

use super::run::root;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

const BLEND: &str = env!("CARGO_BIN_EXE_blend");

/// A repository of its own: no configuration of the machine, fixed author and dates.
struct Repository {
    dir: tempfile::TempDir,
}

/// Whether git is there; in CI it has to be.
fn has_git() -> bool {
    let found = Command::new("git").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("BLEND_CI").is_none(), "git is missing");
    if !found {
        eprintln!("skipped: git is not installed");
    }
    found
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { dir: tempfile::tempdir().expect("a temporary folder") };
        std::fs::create_dir_all(repository.top().join("recipes")).expect("a folder");
        std::fs::create_dir_all(repository.dir.path().join("bin")).expect("a folder");
        std::os::unix::fs::symlink(BLEND, repository.dir.path().join("bin/blend")).expect("a link");
        std::os::unix::fs::symlink(root().join("recipes/models"), repository.top().join("models")).expect("a link");
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn top(&self) -> PathBuf {
        self.dir.path().join("top")
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let names = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("GIT_"));
        for name in names {
            command.env_remove(name);
        }
        command
            .current_dir(self.top())
            .args(args)
            .env("PATH", format!("{}:{path}", self.dir.path().join("bin").display()))
            .env("HOME", self.dir.path())
            .env_remove("XDG_CONFIG_HOME")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_PAGER", "cat")
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@example.org");
            command.env(format!("GIT_{who}_DATE"), "2024-01-01T00:00:00Z");
        }
        for name in ["NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Output {
        self.command(program, args).output().unwrap_or_else(|reason| panic!("{program} {args:?}: {reason}"))
    }

    /// What git prints; it must end well.
    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let output = self.run("git", args);
        assert!(output.status.success(), "git {args:?}\n{}", all(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn blend(&self, args: &[&str]) -> String {
        let output = self.run("blend", args);
        assert!(output.status.success(), "blend {args:?}\n{}", all(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.top().join(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.top().join(name)).expect("a file")
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }
}

fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const RECIPE: &str = "blend 1

# Structure from the cartoon.

model toon = \"../models/avatars-toon.safetensors\"
model ink  = \"../models/avatars-ink.safetensors\"

let share = match {
  mapping        => 0
  resolution 4   => 0
  resolution 16  => 0.3
  resolution 64  => 1
  else           => 0.5
}

output \"out/merged.safetensors\" = mix(toon, ink, share)
";

const NAME: &str = "recipes/merge.blend";

/// A repository with a recipe and the drivers.
fn started() -> Repository {
    let repository = Repository::new();
    repository.write(NAME, RECIPE);
    repository.blend(&["git", "install"]);
    repository.commit("A first recipe");
    repository
}

/// Branches `ours` and `theirs`, each with one edit, and `git merge` of the one into the other.
fn merged(repository: &Repository, ours: [&str; 2], theirs: [&str; 2]) -> Output {
    for (branch, [old, new]) in [("ours", ours), ("theirs", theirs)] {
        repository.git(&["checkout", "-q", "-b", branch, "main"]);
        assert!(RECIPE.contains(old));
        repository.write(NAME, &RECIPE.replace(old, new));
        repository.commit(branch);
    }
    repository.git(&["checkout", "-q", "ours"]);
    repository.run("git", &["merge", "theirs", "-m", "Both"])
}

#[test]
fn arms_of_one_match_are_merged() {
    if !has_git() {
        return;
    }
    let repository = started();
    // Neighbours: git alone sees one hunk that both have changed.
    let output = merged(&repository, ["16  => 0.3", "16  => 0.4"], ["64  => 1", "64  => 0.9"]);
    assert!(output.status.success(), "{}", all(&output));
    let expected = RECIPE.replace("16  => 0.3", "16  => 0.4").replace("64  => 1", "64  => 0.9");
    assert_eq!(repository.read(NAME), expected);
    repository.blend(&["fmt", "--check", NAME]);
    repository.blend(&["check", "--quiet", NAME]);
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    // Both changes by meaning, against where the branches came from.
    let told = repository.blend(&["diff", "main:recipes/merge.blend", NAME]);
    assert!(told.contains("resolution 16: ink 0.3 → 0.4 (16 tensors)"), "{told}");
    assert!(
        told.contains("resolution 64: ink 1 → 0.9 (16 tensors)") || told.contains("ink → 0.1 toon + 0.9 ink"),
        "{told}"
    );
}

/// One side renames what the other uses anew: both are taken, and it is said that they do not fit.
#[test]
fn sides_that_do_not_fit_are_told() {
    if !has_git() {
        return;
    }
    let repository = started();
    let more = "output \"out/other.safetensors\" = mix(ink, toon, share)\n\noutput \"out/merged";
    let output = merged(&repository, ["share", "weights"], ["output \"out/merged", more]);
    assert!(output.status.success(), "{}", all(&output));
    let said = all(&output);
    assert!(said.contains("recipes/merge.blend: merged, but the two sides do not fit: "), "{said}");
    assert!(said.contains("`share`") && said.contains("`blend check recipes/merge.blend`"), "{said}");
    assert_eq!(repository.run("blend", &["check", "--quiet", NAME]).status.code(), Some(2));
}

#[test]
fn git_alone_would_not_have_merged_them() {
    if !has_git() {
        return;
    }
    let repository = Repository::new();
    repository.write(NAME, RECIPE);
    repository.commit("No drivers");
    let output = merged(&repository, ["16  => 0.3", "16  => 0.4"], ["64  => 1", "64  => 0.9"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
}

#[test]
fn one_arm_changed_by_both_is_a_conflict_around_it() {
    if !has_git() {
        return;
    }
    let repository = started();
    let output = merged(&repository, ["16  => 0.3", "16  => 0.4"], ["16  => 0.3", "16  => 0.6"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let conflict = "  resolution 4   => 0\n<<<<<<< ours\n  resolution 16  => 0.4\n=======\n  resolution 16  => 0.6\n>>>>>>> theirs\n  resolution 64  => 1\n";
    let text = repository.read(NAME);
    let named = text.replace("<<<<<<< HEAD", "<<<<<<< ours");
    assert!(named.contains(conflict), "{text}");
    assert!(repository.git(&["diff"]).contains("recipes/merge.blend"));
    // Resolved by hand, as ever.
    repository.write(NAME, &RECIPE.replace("16  => 0.3", "16  => 0.5"));
    repository.commit("Half way");
    // The base is shown to those who want it.
    repository.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let output = repository.run("git", &["-c", "merge.conflictStyle=diff3", "merge", "theirs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(repository.read(NAME).contains("\n  resolution 16  => 0.3\n=======\n"), "{}", repository.read(NAME));
}

#[test]
fn a_side_that_is_no_recipe_is_merged_by_lines() {
    if !has_git() {
        return;
    }
    let repository = started();
    let output = merged(&repository, ["mapping        => 0", "mapping        =>"], ["mix(toon, ink, share)", "toon"]);
    assert!(output.status.success(), "{}", all(&output));
    let expected = RECIPE.replace("mapping        => 0", "mapping        =>").replace("mix(toon, ink, share)", "toon");
    assert_eq!(repository.read(NAME), expected);
    let shown = repository.git(&["diff", "HEAD~1", "--", NAME]);
    assert!(shown.contains("@@") || shown.contains("→"), "{shown}");
}

#[test]
fn diff_and_log_show_meaning() {
    if !has_git() {
        return;
    }
    let repository = started();
    repository.write(NAME, &RECIPE.replace("16  => 0.3", "16  => 0.5"));
    let shown = repository.git(&["diff"]);
    assert!(shown.starts_with("recipe recipes/merge.blend\noutput out/merged.safetensors\n"), "{shown}");
    assert!(shown.contains("  resolution 16: ink 0.3 → 0.5 (16 tensors)\n"), "{shown}");
    repository.commit("More ink");
    // Layout, comments and names alone.
    let text = repository.read(NAME).replace("# Structure", "# The structure").replace("0.5\n}", "0.50\n}");
    repository.write(NAME, &text);
    assert_eq!(repository.git(&["diff"]), "recipe recipes/merge.blend\nsame meaning in another text\n\n");
    repository.commit("Words");
    let log = repository.git(&["log", "-p", "--format=%s", "--", NAME]);
    let (words, rest) = log.split_once("More ink").expect("the second commit");
    assert!(!words.contains("@@"), "a change of words shows nothing: {words}");
    let (ink, _) = rest.split_once("A first recipe").expect("the first commit");
    let lines = |sign: char| {
        ink.lines()
            .filter(|line| line.starts_with(sign) && !line.starts_with(&sign.to_string().repeat(3)))
            .collect::<Vec<_>>()
    };
    assert_eq!(lines('-'), ["-  resolution 16  => 0.3"], "{ink}");
    assert_eq!(lines('+'), ["+  resolution 16  => 0.5"], "{ink}");
    assert!(ink.contains("@@ model toon = "), "a statement heads the hunk: {ink}");
    let log = repository.git(&["log", "-p", "--ext-diff", "--format=%s", "--", NAME]);
    assert!(log.contains("resolution 16: ink 0.3 → 0.5 (16 tensors)"), "{log}");
    // New and removed recipes.
    repository.write("recipes/new.blend", "blend 1\n\nlet x = 1\n");
    repository.git(&["add", "-A"]);
    let shown = repository.git(&["diff", "--cached"]);
    assert!(shown.contains("recipe recipes/new.blend\n+ blend 1\n+ let x = 1\n"), "{shown}");
    // Models that are elsewhere.
    std::fs::remove_file(repository.top().join("models")).expect("a link");
    repository.write(NAME, &repository.read(NAME).replace("16  => 0.5", "16  => 0.6"));
    let shown = repository.git(&["diff", "--", NAME]);
    assert!(shown.contains("~ let share: resolution 16: 0.5 → 0.6\n") && shown.contains("compared by text"), "{shown}");
}

#[test]
fn revisions_are_compared() {
    if !has_git() {
        return;
    }
    let repository = started();
    let library = "blend 1\n\nlet strength = 0.25\n";
    let user =
        RECIPE.replace("let share", "use \"part.blend\" as part\n\nlet share").replace("=> 0.3", "=> part.strength");
    repository.write("recipes/part.blend", library);
    repository.write("recipes/user.blend", &user);
    repository.commit("A part");
    repository.write("recipes/part.blend", &library.replace("0.25", "0.75"));
    // What a recipe uses comes from its own revision.
    let told = repository.blend(&["diff", "HEAD:recipes/user.blend", "recipes/user.blend"]);
    assert!(told.contains("resolution 16: ink 0.25 → 0.75 (16 tensors)"), "{told}");
    let told = repository.blend(&["diff", "--git", "HEAD"]);
    assert!(told.contains("recipes/user.blend\n  output out/merged.safetensors\n"), "{told}");
    assert!(!told.contains(NAME), "what is the same is not told: {told}");
    // From a folder below, the index, a revision against another.
    let below = |args: &[&str]| {
        let mut command = repository.command("blend", args);
        command.current_dir(repository.top().join("recipes")).output().expect("blend starts")
    };
    for args in [
        &["diff", "HEAD:./user.blend", "user.blend", "--exit-code"][..],
        &["diff", ":./user.blend", "user.blend", "--exit-code"],
        &["diff", "--git", "HEAD", "user.blend", "--exit-code"],
    ] {
        let output = below(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}\n{}", all(&output));
    }
    let output = below(&["diff", "HEAD:recipes/user.blend", "HEAD:./user.blend", "--exit-code"]);
    assert_eq!((output.status.code(), all(&output).as_str()), (Some(0), "same meaning\n"));
    let value: serde_json::Value =
        serde_json::from_str(&repository.blend(&["diff", "--git", "HEAD~1", "--json"])).expect("JSON");
    let states: Vec<_> = value["recipes"].as_array().expect("a list").iter().map(|one| one["state"].clone()).collect();
    assert_eq!((value["same"].as_bool(), states), (Some(false), vec!["same".into(), "added".into(), "added".into()]));
    for (args, code, wanted) in [
        (&["diff", "no-such:recipes/user.blend", "recipes/user.blend"][..], 2, "E0822"),
        (&["diff", "--git", "no-such"], 2, "E0822"),
        (&["diff", "--git=--help"], 2, "E0822"),
        (&["diff", "HEAD:user.blend", "recipes/user.blend"], 2, "E0822"),
        (&["diff", "HEAD:../../user.blend", "recipes/user.blend"], 2, "E0822"),
    ] {
        let output = repository.run("blend", args);
        assert!(output.status.code() == Some(code) && all(&output).contains(wanted), "{args:?}\n{}", all(&output));
    }
}

#[test]
fn installing_twice_changes_nothing_and_goes_again() {
    if !has_git() {
        return;
    }
    let repository = Repository::new();
    repository.write(".gitattributes", "*.png binary");
    let config = |repository: &Repository| (repository.read(".git/config"), repository.read(".gitattributes"));
    let before = config(&repository);
    let steps = repository.blend(&["git", "install", "--dry-run"]);
    assert_eq!(config(&repository), before, "a dry run changes nothing");
    assert_eq!(steps.lines().count(), 6, "{steps}");
    repository.blend(&["git", "install"]);
    let once = config(&repository);
    assert_eq!(once.1, "*.png binary\n*.blend diff=blend merge=blend\n");
    repository.blend(&["git", "install"]);
    assert_eq!(config(&repository), once);
    assert_eq!(repository.blend(&["git", "install", "--dry-run"]), "");
    repository.blend(&["git", "install", "--uninstall"]);
    repository.blend(&["git", "install", "--uninstall"]);
    assert_eq!(config(&repository), (before.0, "*.png binary\n".into()));
    // What the dry run prints does the same.
    std::fs::write(repository.dir.path().join("steps.sh"), &steps).expect("a file");
    let script = repository.dir.path().join("steps.sh");
    assert!(repository.run("sh", &[&script.to_string_lossy()]).status.success());
    assert_eq!(repository.blend(&["git", "install", "--dry-run"]), "");
    // For all repositories of a user.
    let global = repository.dir.path().join("config");
    let run = |args: &[&str]| {
        let mut command = repository.command("blend", args);
        let output = command.env("GIT_CONFIG_GLOBAL", &global).current_dir(repository.dir.path()).output();
        let output = output.expect("blend starts");
        assert!(output.status.success(), "{args:?}\n{}", all(&output));
    };
    let attributes = repository.dir.path().join(".config/git/attributes");
    run(&["git", "install", "--global"]);
    assert!(std::fs::read_to_string(&global).expect("a file").contains("[merge \"blend\"]"));
    assert_eq!(std::fs::read_to_string(&attributes).expect("a file"), "*.blend diff=blend merge=blend\n");
    run(&["git", "install", "--global", "--uninstall"]);
    assert!(!attributes.exists(), "nothing is left of what was not there");
}

#[test]
fn where_there_is_no_git() {
    if !has_git() {
        return;
    }
    let repository = Repository::new();
    let outside = |args: &[&str], path: Option<&Path>| {
        let mut command = repository.command(BLEND, args);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        command.current_dir(repository.dir.path()).env("GIT_CEILING_DIRECTORIES", repository.dir.path());
        let output = command.output().expect("blend starts");
        (output.status.code(), all(&output))
    };
    let empty = repository.dir.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    for args in [&["git", "install"][..], &["diff", "HEAD:a.blend", "b.blend"], &["diff", "--git", "HEAD"]] {
        let (code, text) = outside(args, None);
        assert!(code == Some(2) && text.contains("E0820"), "{args:?} {code:?}\n{text}");
        let (code, text) = outside(args, Some(&empty));
        assert!(code == Some(3) && text.contains("E0821"), "{args:?} {code:?}\n{text}");
    }
}

#[test]
fn the_hook_holds_commits() {
    if !has_git() {
        return;
    }
    let repository = started();
    let hook = repository.top().join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, repository.blend(&["git", "hook"])).expect("a file");
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    for (text, wanted) in [
        (RECIPE.replace("mapping        => 0", "mapping => 0"), "is not formatted"),
        (RECIPE.replace("mix(toon, ink, share)", "mix(toon, imk, share)"), "E0201"),
    ] {
        repository.write(NAME, &text);
        repository.git(&["add", "-A"]);
        let output = repository.run("git", &["commit", "-q", "-m", "Loose"]);
        assert!(!output.status.success() && all(&output).contains(wanted), "{}", all(&output));
    }
    repository.write(NAME, &RECIPE.replace("=> 0.3", "=> 0.4"));
    repository.commit("Good");
}
