//! Outputs: what stood there before, or the whole new content, and nothing else.

use super::Place;
use super::is_link;
use super::said;
use crate::diag::Problem;
use crate::store::Kind;
use crate::store::Note;
use crate::store::Part;
use crate::store::Staged;
use crate::store::journal::Journal;
use std::path::PathBuf;

fn file_at(place: &Place, name: &str, forbidden: &[PathBuf]) -> Result<Staged, Problem> {
    Staged::new(&place.at(name), Kind::File, 3, forbidden, false)
}

fn directory_at(place: &Place, name: &str, forbidden: &[PathBuf]) -> Result<Staged, Problem> {
    Staged::new(&place.at(name), Kind::Directory, 3, forbidden, false)
}

fn part(staged: &Staged, name: &str, text: &str) -> Part {
    let part = staged.part(name, text.len() as u64).unwrap();
    part.write_at(0, text.as_bytes()).unwrap();
    part
}

/// Writes a directory of these files.
#[track_caller]
fn write_directory(place: &Place, name: &str, files: &[(&str, &str)]) {
    let staged = directory_at(place, name, &[]).unwrap();
    let parts = files.iter().map(|(name, text)| part(&staged, name, text)).collect();
    staged.commit(parts).unwrap();
}

#[test]
fn a_file_is_written_whole() {
    let place = Place::new();
    let staged = file_at(&place, "new/deep/out.safetensors", &[]).unwrap();
    let part = staged.part("", 6).unwrap();
    part.write_at(3, b"def").unwrap();
    part.write_at(0, b"abc").unwrap();
    let mut back = [0; 4];
    part.read_at(1, &mut back).unwrap();
    assert_eq!(&back, b"bcde");
    assert!(said(part.read_at(4, &mut back), &place).starts_with("E0601"));
    assert_eq!(part.path(), place.at("new/deep/out.safetensors"));
    assert!(!place.at("new/deep/out.safetensors").exists());
    staged.commit(vec![part]).unwrap();
    assert_eq!(place.read("new/deep/out.safetensors"), "abcdef");
    assert_eq!(place.names("new/deep"), ["out.safetensors"]);
}

/// The CRC-32 of `123456789` is 0xcbf43926.
#[test]
fn sums_are_filled_in() {
    let place = Place::new();
    let staged = file_at(&place, "sums", &[]).unwrap();
    let mut part = staged.part("", 17).unwrap();
    part.keep_sums();
    part.write_at(8, b"56789").unwrap();
    assert!(part.seal(4, 9, &[0, 13]).is_err(), "not all is written");
    part.write_at(4, b"1234").unwrap();
    part.seal(4, 9, &[0, 13]).unwrap();
    staged.commit(vec![part]).unwrap();
    let expected = [&[0x26, 0x39, 0xf4, 0xcb][..], b"123456789", &[0x26, 0x39, 0xf4, 0xcb]].concat();
    assert_eq!(std::fs::read(place.at("sums")).unwrap(), expected);
}

#[test]
fn a_dropped_output_leaves_no_directory() {
    let place = Place::new();
    place.file("kept/note", "mine");
    drop(file_at(&place, "kept/new/deep/out", &[]).unwrap());
    assert_eq!(place.names("kept"), ["note"]);
}

#[test]
fn a_dropped_output_leaves_what_was_there() {
    let place = Place::new();
    place.file("out", "old");
    let staged = file_at(&place, "out", &[]).unwrap();
    drop(part(&staged, "", "new"));
    assert_eq!(place.names("").len(), 2);
    drop(staged);
    assert_eq!(place.read("out"), "old");
    assert_eq!(place.names(""), ["out"]);
    write_directory(&place, "model", &[("a", "old")]);
    let staged = directory_at(&place, "model", &[]).unwrap();
    drop(part(&staged, "a", "new"));
    drop(staged);
    assert_eq!(place.read("model/a"), "old");
    assert_eq!(place.names(""), ["model", "out"]);
}

#[test]
fn a_file_has_one_part_and_files_have_plain_names() {
    let place = Place::new();
    let staged = file_at(&place, "out", &[]).unwrap();
    let _part = staged.part("", 0).unwrap();
    assert!(said(staged.part("", 0), &place).contains("written twice"));
    let staged = directory_at(&place, "model", &[]).unwrap();
    let _part = staged.part("a", 0).unwrap();
    assert!(said(staged.part("a", 0), &place).contains("written twice"));
    for name in ["", ".", "..", "../x", "x/y", "x\\y", "x\0"] {
        assert!(said(staged.part(name, 0), &place).contains("is not the name of a file"));
    }
}

#[cfg(unix)]
#[test]
fn mode_and_links_stay() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let old = place.file("real/out", "old");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/out", place.at("link")).unwrap();
    symlink("link", place.at("chain")).unwrap();
    symlink("real/later", place.at("dangling")).unwrap();
    symlink("circle", place.at("circle")).unwrap();
    for (name, content) in [("link", "new"), ("chain", "newer"), ("dangling", "new")] {
        let staged = file_at(&place, name, &[]).unwrap();
        let part = part(&staged, "", content);
        staged.commit(vec![part]).unwrap();
        assert!(is_link(&place.at(name)));
        assert_eq!(place.read(name), content);
    }
    let mode = |name: &str| std::fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("real/out"), 0o640);
    // A new file has the mode that any program would give it.
    std::fs::File::create(place.at("plain")).unwrap();
    assert_eq!(mode("real/later"), mode("plain"));
    assert_eq!(place.names("real"), ["later", "out"]);
    assert!(said(file_at(&place, "circle", &[]), &place).contains("circle"));
}

#[cfg(unix)]
#[test]
fn an_output_is_not_an_input() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let input = place.file("in/a.safetensors", "a");
    symlink("in", place.at("door")).unwrap();
    symlink("in/a.safetensors", place.at("link")).unwrap();
    std::fs::hard_link(&input, place.at("twin")).unwrap();
    std::fs::create_dir(place.at("holder")).unwrap();
    std::fs::hard_link(&input, place.at("holder/b")).unwrap();
    let file = |name: &str, input: &str| said(file_at(&place, name, &[place.at(input)]), &place);
    let directory = |name: &str, input: &str| said(directory_at(&place, name, &[place.at(input)]), &place);
    let is = "is an input of this build, inputs are never changed";
    assert_eq!(file("in/a.safetensors", "in/a.safetensors"), format!("E0515 the output `in/a.safetensors` {is}"));
    for name in ["link", "twin", "door/a.safetensors", "in/../in/./a.safetensors", "in/new/../a.safetensors"] {
        assert_eq!(file(name, "in/a.safetensors"), format!("E0515 the output `{name}` {is}"));
    }
    assert_eq!(file("in/a.safetensors", "link"), format!("E0515 the output `in/a.safetensors` {is}"));
    for name in ["in/new", "door/new", "in/deep/new", "in/x/../new"] {
        assert!(file(name, "in").contains("lies inside an input directory"));
        assert!(directory(name, "door").contains("lies inside an input directory"));
    }
    assert!(directory("in", "in").contains(is));
    assert!(directory("in", "in/a.safetensors").contains("contains an input"));
    assert!(directory("door", "in/a.safetensors").contains("contains an input"));
    assert!(directory("holder", "in/a.safetensors").contains("contains an input"));
    assert!(directory("", "in/a.safetensors").starts_with("E0515"));
    // Beside an input is fine, and so is a name that only begins like it.
    assert!(file_at(&place, "in/b.safetensors", std::slice::from_ref(&input)).is_ok());
    assert!(file_at(&place, "in2/b.safetensors", &[place.at("in")]).is_ok());
    assert_eq!(place.read("in/a.safetensors"), "a");
    assert_eq!(place.names("in"), ["a.safetensors"]);
}

#[test]
fn kinds_do_not_replace_each_other() {
    let place = Place::new();
    place.file("file", "x");
    place.file("directory/x", "x");
    assert!(said(file_at(&place, "directory", &[]), &place).starts_with("E0516 `directory` is a directory"));
    assert!(said(directory_at(&place, "file", &[]), &place).starts_with("E0516 `file` is a file"));
    assert!(said(file_at(&place, "file/x", &[]), &place).starts_with("E0602"));
    for nameless in ["", "..", "directory/.."] {
        assert!(said(file_at(&place, nameless, &[]), &place).starts_with("E0516"), "{nameless}");
    }
    let device = Staged::new("/dev/null".as_ref(), Kind::File, 0, &[], true);
    assert!(said(device, &place).starts_with("E0516 `/dev/null` is a device"));
}

#[test]
fn a_directory_is_exchanged_as_a_whole() {
    let place = Place::new();
    write_directory(&place, "model", &[("a.safetensors", "1"), ("config.json", "{}")]);
    assert_eq!(place.names("model"), ["a.safetensors", "blend.json", "config.json"]);
    let marker: serde_json::Value = serde_json::from_str(&place.read("model/blend.json")).unwrap();
    assert_eq!(marker["files"], serde_json::json!(["a.safetensors", "config.json"]));
    write_directory(&place, "model", &[("b.safetensors", "2")]);
    assert_eq!(place.names("model"), ["b.safetensors", "blend.json"]);
    assert_eq!(place.names(""), ["model"]);
}

#[test]
fn a_foreign_directory_is_refused() {
    let place = Place::new();
    place.file("photos/a.jpg", "x");
    let foreign = said(directory_at(&place, "photos", &[]), &place);
    assert_eq!(foreign, "E0516 `photos` holds `a.jpg`, which blend did not write; only an output of blend is replaced");
    // Somebody else's shards.
    place.file("model/a.safetensors", [&2u64.to_le_bytes()[..], b"{}"].concat());
    assert!(said(directory_at(&place, "model", &[]), &place).starts_with("E0516"));
    // A file of the user in an output of ours, before and during the build.
    write_directory(&place, "ours", &[("a", "1")]);
    let staged = directory_at(&place, "ours", &[]).unwrap();
    place.file("ours/notes.txt", "mine");
    assert!(said(directory_at(&place, "ours", &[]), &place).contains("`notes.txt`"));
    let new = part(&staged, "a", "2");
    assert!(said(staged.commit(vec![new]), &place).contains("`notes.txt`"));
    assert_eq!((place.read("ours/a"), place.read("ours/notes.txt")), ("1".into(), "mine".into()));
    // An empty one holds nothing; force replaces all.
    std::fs::create_dir(place.at("empty")).unwrap();
    write_directory(&place, "empty", &[("a", "1")]);
    let staged = Staged::new(&place.at("photos"), Kind::Directory, 0, &[], true).unwrap();
    staged.commit(vec![]).unwrap();
    assert_eq!(place.names("photos"), ["blend.json"]);
    assert_eq!(place.names(""), ["empty", "model", "ours", "photos"]);
}

#[test]
fn shards_signed_by_metadata_are_ours() {
    let place = Place::new();
    let json = r#"{"__metadata__":{"blend.recipe":"blend 1"}}"#;
    place.file("model/a.safetensors", [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat());
    place.file("model/model.safetensors.index.json", "{}");
    assert!(directory_at(&place, "model", &[]).is_ok());
    place.file("model/notes.txt", "mine");
    assert!(said(directory_at(&place, "model", &[]), &place).contains("`notes.txt`"));
    let index = r#"{"metadata":{"blend":{"version":1}},"weight_map":{}}"#;
    place.file("indexed/model.safetensors.index.json", index);
    assert!(directory_at(&place, "indexed", &[]).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn left_overs_of_the_dead_go_and_of_the_living_stay() {
    let place = Place::new();
    let mine = place.file(".other.blend-0123456789abcdef.tmp", "not of this target");
    let odd = place.file(".out.blend-notours.tmp", "not of our form");
    place.file(".out.blend-0123456789abcdef.tmp", "dead");
    place.file(".out.blend-0123456789abcde0.tmp/part", "dead");
    let alive = file_at(&place, "out", &[]).unwrap();
    let other = file_at(&place, "out", &[]).unwrap();
    assert_eq!(place.names("").len(), 4, "{:?}", place.names(""));
    let first = part(&alive, "", "first");
    let second = part(&other, "", "second");
    alive.commit(vec![first]).unwrap();
    other.commit(vec![second]).unwrap();
    assert_eq!(place.read("out"), "second");
    assert!(mine.exists() && odd.exists());
}

/// What a dead build left, with a journal of these notes.
fn dead(place: &Place, name: &str, text: &str, plan: &[u8; 32], notes: &[Note]) {
    let path = place.file(name, text);
    Journal::start(&path, plan, notes);
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_dead_build_of_the_same_plan_left_is_gone_on_with() {
    let (plan, other) = ([7; 32], [8; 32]);
    let notes = [0, 1].map(|tensor| Note { tensor, sum: [9; 16] });
    let of = |place: &Place, plan| Staged::of(&place.at("out"), Kind::File, 6, &[], false, plan);
    let place = Place::new();
    dead(&place, ".out.blend-0123456789abcdef.tmp", "abc???", &plan, &notes);
    dead(&place, ".out.blend-0123456789abcde0.tmp", "less", &plan, &notes[..1]);
    dead(&place, ".out.blend-0123456789abcde1.tmp", "of another plan", &other, &notes);
    // Who has no plan leaves them alone.
    drop(of(&place, None).unwrap());
    assert_eq!(place.names("").len(), 6);
    let staged = of(&place, Some(&plan)).unwrap();
    assert_eq!(staged.notes(), Some(notes.as_slice()));
    // While one goes on with it, others begin anew.
    let second = of(&place, Some(&plan)).unwrap();
    assert_eq!(second.notes(), None);
    drop(second);
    let open = staged.part("", 6).unwrap();
    let mut there = [0; 6];
    open.read_at(0, &mut there).unwrap();
    assert_eq!(&there, b"abc???");
    open.write_at(3, b"def").unwrap();
    staged.note(&Note { tensor: 2, sum: [1; 16] });
    staged.commit(vec![open]).unwrap();
    assert_eq!(place.read("out"), "abcdef");
    assert_eq!(place.names(""), ["out"]);
    // A directory where a file was, and an output that may not stand there.
    dead(&place, ".out.blend-0123456789abcdef.tmp/part", "x", &plan, &[]);
    Journal::start(&place.at(".out.blend-0123456789abcdef.tmp"), &plan, &notes);
    let staged = of(&place, Some(&plan)).unwrap();
    assert_eq!(staged.notes(), None);
    drop(staged);
    assert_eq!(place.names(""), ["out"]);
}

#[test]
fn a_directory_moved_away_comes_back() {
    let place = Place::new();
    place.file(".model.blend-0123456789abcdef.old/a", "1");
    place.file(".model.blend-0123456789abcdef.old/blend.json", r#"{"blend":"0","files":["a"]}"#);
    drop(directory_at(&place, "model", &[]).unwrap());
    assert_eq!(place.read("model/a"), "1");
    place.file(".model.blend-0123456789abcdef.old/a", "0");
    drop(directory_at(&place, "model", &[]).unwrap());
    assert_eq!(place.names(""), ["model"]);
}

#[test]
fn a_failed_result_is_kept_beside() {
    let place = Place::new();
    place.file("out", "old");
    for content in ["new", "newer"] {
        let staged = file_at(&place, "out", &[]).unwrap();
        let part = part(&staged, "", content);
        assert_eq!(staged.keep_as_failed(vec![part]).unwrap(), place.at("out.failed"));
        assert_eq!((place.read("out"), place.read("out.failed")), ("old".into(), content.into()));
    }
    for _ in 0..2 {
        let staged = directory_at(&place, "model", &[]).unwrap();
        let part = part(&staged, "a", "new");
        assert_eq!(staged.keep_as_failed(vec![part]).unwrap(), place.at("model.failed"));
    }
    assert_eq!(place.names(""), ["model.failed", "out", "out.failed"]);
    // A failed result of before may be an input now.
    let input = place.at("out.failed");
    let staged = file_at(&place, "out", &[input]).unwrap();
    assert!(said(staged.keep_as_failed(vec![]), &place).starts_with("E0515"));
    assert_eq!(place.read("out.failed"), "newer");
}

#[test]
fn space_is_looked_at_first() {
    let place = Place::new();
    let staged = Staged::new(&place.at("deep/out"), Kind::File, 1 << 60, &[], false);
    assert!(said(staged, &place).starts_with("E0603 `deep/out` needs 1152.9 PB, but its disk has "));
    assert!(place.names("").is_empty());
    let staged = Staged::new(&place.at("out"), Kind::File, 0, &[], false).unwrap();
    assert!(said(staged.part("", 1 << 60), &place).starts_with("E0603"));
}

#[test]
fn long_names_fit() {
    let place = Place::new();
    let name = format!("{}é.safetensors", "é".repeat(120));
    let staged = file_at(&place, &name, &[]).unwrap();
    let part = part(&staged, "", "x");
    staged.commit(vec![part]).unwrap();
    assert_eq!(place.names(""), [name]);
}

/// With `ulimit -f`, a write beyond the limit is an error that is told; without care it is the death of the process.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_file_sizes_is_a_problem() {
    const CHILD: &str = "BLEND_TEST_FILE_LIMIT";
    if std::env::var_os(CHILD).is_some() {
        crate::store::prepare_process();
        let place = Place::new();
        place.file("out", "old");
        let staged = file_at(&place, "out", &[]).unwrap();
        assert!(said(staged.part("", 1 << 20).map(|_| ()), &place).starts_with("E0603"));
        drop(staged);
        let staged = file_at(&place, "out", &[]).unwrap();
        let part = staged.part("", 0).unwrap();
        let problem = said(part.write_at(1 << 20, b"x"), &place);
        assert_eq!(problem, "E0603 `out` is larger than a file may be: file too large");
        drop(staged);
        assert_eq!((place.read("out"), place.names("").len()), ("old".into(), 1));
        return;
    }
    let name = "store::tests::stage::a_limit_of_file_sizes_is_a_problem";
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "ulimit -f 100 && exec \"$0\" --exact \"$1\" --nocapture"]);
    child.arg(std::env::current_exe().unwrap()).arg(name).env(CHILD, "1");
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}
