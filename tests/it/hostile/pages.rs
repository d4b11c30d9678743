//! The pages of the codes of files show what is really said.

use super::file;
use super::framed;
use super::header;
use super::said;
use super::tensor;
use crate::arrays::gguf;
use crate::arrays::npy;
use crate::torch::writer;
use blend::diag::Problem;
use blend::store;
use std::path::Path;
use tempfile::TempDir;

/// What is said of a file of this name and these bytes, by itself in a directory.
fn said_of(name: &str, bytes: &[u8], asked: &dyn Fn(&Path) -> Result<(), Problem>) -> Problem {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join(name), bytes).unwrap();
    let mut problem = asked(directory.path()).expect_err("the example is a mistake");
    let shorten = |text: &String| text.replace(&format!("{}/", directory.path().display()), "models/");
    problem.message = shorten(&problem.message).replace(&directory.path().display().to_string(), "models");
    problem.notes = problem.notes.iter().map(shorten).collect();
    problem.help = problem.help.as_ref().map(shorten);
    problem
}

/// An archive of PyTorch with two dictionaries; `local` is another name in the local header of its pickle.
fn torch_file(local: Option<&str>) -> Vec<u8> {
    let one = writer::rebuild(&writer::tensor("w", "0", 2, &[2], &[1]));
    let inner = [&b"}"[..], &writer::text("w"), &one, b"s"].concat();
    let items = ["left", "right"].iter().flat_map(|name| [writer::text(name), inner.clone()].concat());
    let value = [&b"}("[..], &items.collect::<Vec<_>>(), b"u"].concat();
    let mut archive = writer::archive(&writer::pickle(&value), &[("0", 8)]);
    archive.parts[0].local.name = local.map(|name| name.into());
    archive.bytes()
}

/// The example on a code's page is this problem; `UPDATE=1` writes it there.
#[track_caller]
pub fn check(code: &str, problem: &Problem) {
    assert_eq!(problem.code.0, code, "{}", problem.message);
    let row = blend::diag::codes::all().find(|row| row.code == code).expect("it has a row");
    let said = said(problem, Path::new("?"));
    let (before, rest) = row.page.split_once("```text\n").expect("the page has an example");
    let (shown, after) = rest.split_once("\n```").expect("the example ends");
    if shown != said && std::env::var_os("UPDATE").is_some() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/diag/codes/{code}.md"));
        std::fs::write(page, format!("{before}```text\n{said}\n```{after}")).unwrap();
    } else {
        assert_eq!(shown, said, "the page of {code}");
    }
}

/// The example of each page is what is really said; `UPDATE=1` writes it there.
#[test]
fn pages_show_what_is_said() {
    let open = |name: &'static str| move |directory: &Path| store::open(&directory.join(name), None).map(|_| ());
    let a = || open("a.safetensors");
    let file_of = |members: &[String], data| file(&header(members), data);
    let stage = |name: &'static str, kind, input: &'static str| {
        move |directory: &Path| {
            store::Staged::new(&directory.join(name), kind, 0, &[directory.join(input)], false).map(|_| ())
        }
    };
    let text = |directory: &Path| store::read_text(&directory.join("merge.blend"), 100).map(|_| ());
    let index = br#"{"weight_map": {"conv1.weight": "../other/model.safetensors"}}"#;
    let gone = br#"{"weight_map": {"conv1.weight": "model-00001-of-00001.safetensors"}}"#;
    let twice = [tensor("conv1.weight", "U8", "4", 0, 4), tensor("conv1.weight", "F32", "1", 0, 4)];
    let hole = [tensor("conv1.weight", "F32", "2", 0, 8), tensor("conv2.weight", "F32", "2", 16, 24)];
    let networks = std::fs::read(crate::run::root().join("tests/data/nvidia/two.pkl")).unwrap();
    let long = framed(34_000_000, &[b"{".to_vec(), vec![b' '; 100]].concat(), 0);
    let examples = [
        ("E0501", said_of("faces.safetensors", b"", &open("face.safetensors"))),
        ("E0502", said_of("a", b"", &|_: &Path| store::open(Path::new("/dev/zero"), None).map(|_| ()))),
        ("E0503", said_of("a.safetensors", b"7z\xbc\xaf\x27\x1c\0\x04", &a())),
        ("E0504", said_of("a.safetensors", &file_of(&hole[..1], 5), &a())),
        ("E0505", said_of("a.safetensors", &framed(u64::MAX, b"\x01\x02\x03", 9), &a())),
        ("E0506", said_of("a.safetensors", &file_of(&[tensor("conv1.weight", "F32", "2.0", 0, 8)], 8), &a())),
        ("E0507", said_of("a.safetensors", &file_of(&twice, 4), &a())),
        ("E0508", said_of("a.safetensors", &file_of(&[tensor("conv1.weight", "F32", "3", 0, 8)], 8), &a())),
        ("E0509", said_of("a.safetensors", &file_of(&hole, 24), &a())),
        ("E0510", said_of("a.safetensors", &[long, vec![b' '; 34_000_000]].concat(), &a())),
        ("E0511", said_of("model.safetensors.index.json", index, &open(""))),
        ("E0512", said_of("model.safetensors.index.json", gone, &open(""))),
        ("E0513", said_of("optimizer.pt", b"", &open(""))),
        ("E0514", said_of("merge.blend", b"blend 1\n# caf\xe9\n", &text)),
        ("E0515", said_of("a.safetensors", b"", &stage("a.safetensors", store::Kind::File, "a.safetensors"))),
        ("E0516", said_of("holiday.jpg", b"", &stage("", store::Kind::Directory, "/dev/null"))),
        ("E0521", said_of("a.pt", &torch_file(None), &open("a.pt"))),
        ("E0522", said_of("a.pt", &torch_file(Some("a/other.pkl")), &open("a.pt"))),
        ("E0523", said_of("a.npy", &npy::file(1, &npy::header("'>f4'", "(2, 3)"), 24), &open("a.npy"))),
        ("E0524", said_of("a.gguf", &gguf::countless().bytes(), &open("a.gguf"))),
        ("E0525", said_of("a.gguf", &gguf::undecoded().bytes(), &open("a.gguf"))),
        ("E0526", said_of("network-snapshot.pkl", &networks, &open("network-snapshot.pkl"))),
    ];
    for (code, problem) in &examples {
        check(code, problem);
    }
    // The codes of pickles are shown by the suite of pickles.
    let is_ours = |code: &str| code.starts_with("E05") && !("E0517"..="E0520").contains(&code);
    let files = blend::diag::codes::all().filter(|row| is_ours(row.code));
    assert_eq!(files.map(|row| row.code).collect::<Vec<_>>(), examples.map(|(code, _)| code));
}
