//! Digests of checkpoints: the same weights have one root in every container and layout, everything else has another; the
//! numbers are those of BLAKE3 over bytes that the crate `safetensors` reads; the memo is never wrong.

use super::run::root;
use blend::arch;
use blend::exec::Progress;
use blend::identity;
use blend::identity::Digest;
use blend::identity::Identity;
use blend::identity::Memo;
use blend::identity::Options;
use blend::store;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use safetensors::tensor::TensorView;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::SystemTime;

#[track_caller]
fn found(path: &Path, key: Option<&str>, options: &Options) -> Identity {
    let mut header = store::open(path, key).unwrap_or_else(|problem| panic!("{}: {}", path.display(), problem.message));
    let mut canon = arch::detect(&header, None, None).unwrap_or_else(|problem| panic!("{}", problem.message));
    arch::complete(&mut header, &mut canon);
    let progress = Progress::default();
    let found = identity::of(&header, &canon, options, &progress).expect("it is read");
    assert_eq!(progress.done(), identity::work(&header, &canon), "progress ends where it should");
    found
}

fn of(path: &Path) -> Identity {
    found(path, None, &Options { threads: 2, memo: None, verify: false })
}

fn data(name: &str) -> PathBuf {
    root().join("tests/data").join(name)
}

/// All of these are one model.
#[track_caller]
fn check_same(files: &[&str]) {
    let first = of(&data(files[0]));
    for file in &files[1..] {
        let other = of(&data(file));
        let by_name = |identity: &Identity| {
            let mut rows: Vec<_> = identity.tensors.iter().map(|row| (row.name.clone(), row.digest)).collect();
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            rows
        };
        assert_eq!(by_name(&other), by_name(&first), "{file} and {}", files[0]);
        assert_eq!(other.root, first.root, "{file} and {}", files[0]);
        assert_ne!(other.files[0].digest, first.files[0].digest, "{file} is another file");
    }
}

#[test]
fn one_model_in_many_files() {
    check_same(&[
        "mini-nvidia.safetensors",
        "nvidia/sg2-p2.pkl",
        "nvidia/sg2-p3.pkl",
        "nvidia/sg2-p5.pkl",
        "nvidia/sg2-strided.pkl",
        "nvidia/alone.pkl",
        "nvidia/tf-v2.pkl",
        "nvidia/tf-v5.pkl",
        "nvidia/tf-python2.pkl",
        "nvidia/genforce.safetensors",
        "nvidia/rosinality-older.safetensors",
    ]);
    check_same(&["names/hf/a.safetensors", "names/meta/a.safetensors", "names/meta/a.pth", "names/gguf/a.safetensors"]);
    check_same(&["arrays/a.safetensors", "arrays/a.gguf"]);
    check_same(&["arrays/a-arrays.safetensors", "arrays/a.npz", "arrays/a-compressed.npz"]);
    check_same(&["arrays/a-npy.safetensors", "arrays/a.npy"]);
}

#[test]
fn other_models_have_other_roots() {
    let files = [
        "mini-nvidia.safetensors",
        "mini-nvidia-b.safetensors",
        // Biases that are stored less 1 were rounded.
        "nvidia/nvidia-rounded.safetensors",
        "names/hf/a.safetensors",
        "names/hf/b.safetensors",
        "arrays/a.gguf",
        "arrays/b.gguf",
    ];
    let roots: Vec<Digest> = files.iter().map(|file| of(&data(file)).root).collect();
    for (at, root) in roots.iter().enumerate() {
        assert!(!roots[..at].contains(root), "{at}");
    }
    // A file of several networks is what the one is that is meant.
    let options = Options { threads: 1, memo: None, verify: false };
    assert_eq!(found(&data("nvidia/sg2-p4.pkl"), Some("G"), &options).root, roots[1]);
}

/// A file of tensors: name, type, shape, bytes.
fn write(path: &Path, tensors: &[(&str, Dtype, &[usize], &[u8])]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.to_string(), TensorView::new(*dtype, shape.to_vec(), bytes).expect("a tensor"))
    });
    safetensors::serialize_to_file(views, None, path).expect("it is written");
}

/// Some bytes that repeat nowhere near.
fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The root as the documentation has it.
fn rooted(tensors: &[(&str, &str, &[u64], Digest)]) -> Digest {
    let mut text = b"blend identity 1".to_vec();
    for (name, dtype, shape, digest) in tensors {
        for part in [name, dtype] {
            text.extend((part.len() as u64).to_le_bytes());
            text.extend(part.as_bytes());
        }
        text.extend((shape.len() as u64).to_le_bytes());
        shape.iter().for_each(|size| text.extend(size.to_le_bytes()));
        text.extend(digest.as_bytes());
    }
    blake3::hash(&text)
}

#[test]
fn digests_are_those_of_the_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.safetensors");
    // Longer than some pieces and no multiple of one, odd, empty, of no axes.
    let (long, odd) = (bytes(9 * 1024 * 1024 + 4 * 333), bytes(3));
    let tensors: [(&str, Dtype, &[usize], &[u8]); 4] = [
        ("b.long", Dtype::F32, &[long.len() / 4], &long),
        ("a.odd", Dtype::U8, &[3, 1], &odd),
        ("c.empty", Dtype::F16, &[0, 5], &[]),
        ("d.one", Dtype::I64, &[], &[1, 2, 3, 4, 5, 6, 7, 255]),
    ];
    write(&path, &tensors);
    let whole = std::fs::read(&path).expect("a file");
    let read = SafeTensors::deserialize(&whole).expect("safetensors");
    let digest = |name: &str| blake3::hash(read.tensor(name).expect("a tensor").data());
    for threads in [1, 3] {
        let found = found(&path, None, &Options { threads, memo: None, verify: false });
        for tensor in &found.tensors {
            assert_eq!(tensor.digest, digest(&tensor.name), "{}", tensor.name);
        }
        assert_eq!((found.files.len(), found.files[0].digest), (1, blake3::hash(&whole)));
        let wanted = rooted(&[
            ("a.odd", "U8", &[3, 1], digest("a.odd")),
            ("b.long", "F32", &[long.len() as u64 / 4], digest("b.long")),
            ("c.empty", "F16", &[0, 5], digest("c.empty")),
            ("d.one", "I64", &[], digest("d.one")),
        ]);
        assert_eq!(found.root, wanted);
    }
    // In shards, in another order, with other padding.
    let shards = folder.path().join("shards");
    std::fs::create_dir(&shards).expect("a folder");
    write(&shards.join("model-1.safetensors"), &[tensors[3], tensors[0]]);
    write(&shards.join("model-2.safetensors"), &[tensors[2], tensors[1]]);
    let sharded = of(&shards);
    assert_eq!((sharded.root, sharded.files.len()), (of(&path).root, 2));
    // One bit, one name, one type, one shape.
    let changed = |tensors: &[(&str, Dtype, &[usize], &[u8])]| {
        write(&path, tensors);
        of(&path).root
    };
    let mut bit = long.clone();
    bit[5_000_001] ^= 1;
    let mut roots = vec![sharded.root];
    roots.push(changed(&[("b.long", Dtype::F32, &[bit.len() / 4], &bit), tensors[1], tensors[2], tensors[3]]));
    roots.push(changed(&[("b.lung", Dtype::F32, &[long.len() / 4], &long), tensors[1], tensors[2], tensors[3]]));
    roots.push(changed(&[("b.long", Dtype::I32, &[long.len() / 4], &long), tensors[1], tensors[2], tensors[3]]));
    roots.push(changed(&[tensors[0], ("a.odd", Dtype::U8, &[1, 3], &odd), tensors[2], tensors[3]]));
    roots.push(changed(&[tensors[0], tensors[1], tensors[2]]));
    for (at, root) in roots.iter().enumerate() {
        assert!(!roots[..at].contains(root), "{at}");
    }
}

/// An array of NumPy, row by row or column by column.
fn npy(path: &Path, fortran: bool, shape: [usize; 2], bytes: &[u8]) {
    let order = if fortran { "True" } else { "False" };
    let mut head = format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': ({}, {}), }}", shape[0], shape[1]);
    while !(10 + head.len() + 1).is_multiple_of(64) {
        head.push(' ');
    }
    head.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((head.len() as u16).to_le_bytes());
    out.extend(head.as_bytes());
    out.extend(bytes);
    std::fs::write(path, out).expect("it is written");
}

#[test]
fn strided_tensors_are_gathered_piece_by_piece() {
    let folder = tempfile::tempdir().expect("a folder");
    let (rows, columns) = (1201, 2003);
    let plain = bytes(rows * columns * 4);
    let mut turned = vec![];
    for column in 0..columns {
        for row in 0..rows {
            let at = (row * columns + column) * 4;
            turned.extend_from_slice(&plain[at..at + 4]);
        }
    }
    let (a, b) = (folder.path().join("a.npy"), folder.path().join("b.npy"));
    npy(&a, false, [rows, columns], &plain);
    npy(&b, true, [rows, columns], &turned);
    assert_eq!(of(&a).tensors[0].digest, blake3::hash(&plain));
    assert_eq!(of(&b).tensors[0].digest, blake3::hash(&plain));
    assert_eq!(of(&a).root, of(&b).root);
}

fn aged(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    File::options().append(true).open(path).expect("a file").set_modified(then).expect("a time");
}

#[test]
fn the_memo_spares_reading_and_is_never_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let memo = Memo::at(&folder.path().join("memo"));
    let path = folder.path().join("x.safetensors");
    let file = |bytes: &[u8]| write(&path, &[("a", Dtype::U8, &[bytes.len()], bytes)]);
    let ask = |verify: bool| found(&path, None, &Options { threads: 1, memo: Some(&memo), verify });
    file(b"first");
    // Too young: it may change without a new time.
    assert!(!ask(false).remembered);
    assert!(!ask(false).remembered);
    aged(&path, 60);
    let first = ask(false);
    assert!(!first.remembered);
    let again = ask(false);
    assert!(again.remembered);
    assert_eq!((again.root, &again.tensors, &again.files), (first.root, &first.tensors, &first.files));
    assert!(!ask(true).remembered, "told to read it");
    // The same size, and a time that was set back to the very same.
    let then = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    file(b"other");
    File::options().append(true).open(&path).expect("a file").set_modified(then).expect("a time");
    let other = ask(false);
    assert!(!other.remembered && other.root != first.root);
    assert!(ask(false).remembered);
    // A damaged memo counts as none.
    for entry in std::fs::read_dir(folder.path().join("memo")).expect("records") {
        let record = entry.expect("a record").path();
        let mut bytes = std::fs::read(&record).expect("a record");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&record, bytes).expect("a record");
    }
    let read = ask(false);
    assert!(!read.remembered && read.root == other.root);
    // Seen otherwise, the same file has other tensors.
    let header = store::open(&path, None).expect("a header");
    let mut canon = arch::detect(&header, None, None).expect("a layout");
    canon.tensors[0].shape = [5, 1].as_slice().into();
    let options = Options { threads: 1, memo: Some(&memo), verify: false };
    let seen = identity::of(&header, &canon, &options, &Progress::default()).expect("it is read");
    assert!(!seen.remembered && seen.root != read.root);
}

#[test]
fn an_interrupted_walk_gives_nothing() {
    let progress = Progress::default();
    progress.cancel();
    let path = data("mini-nvidia.safetensors");
    let (header, options) =
        (store::open(&path, None).expect("a header"), Options { threads: 2, memo: None, verify: false });
    let canon = arch::detect(&header, None, None).expect("a layout");
    let stopped = identity::of(&header, &canon, &options, &progress);
    assert!(matches!(stopped, Err(blend::exec::Stop::Cancelled)));
}
