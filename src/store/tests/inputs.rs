//! Inputs: both engines give the same bytes, and a file that changes is told.

use super::Place;
use super::said;
use crate::store::Inputs;
use crate::store::Kind;
use crate::store::Staged;
use crate::tensor::FileInfo;
use crate::tile::Fetch;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Bytes that differ everywhere.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn info(path: &Path) -> FileInfo {
    FileInfo { path: path.into(), size: std::fs::metadata(path).unwrap().len(), memory: None }
}

#[test]
fn both_engines_read_the_same() {
    let place = Place::new();
    let content = noise(1_000_003);
    let files = [info(&place.file("a", &content)), info(&place.file("empty", ""))];
    for mapped in [true, false] {
        let inputs = Inputs::open_with(&files, mapped).unwrap();
        for (offset, len) in
            [(0, 0), (0, 1), (4095, 2), (65_537, 131_072), (1_000_002, 1), (1_000_003, 0), (0, 1_000_003)]
        {
            let mut dst = vec![0; len];
            inputs.fetch(0, offset as u64, &mut dst).unwrap();
            assert!(dst == content[offset..offset + len], "mapped {mapped}, {len} at {offset}");
        }
        inputs.fetch(1, 0, &mut []).unwrap();
        assert!(said(inputs.fetch(1, 0, &mut [0]), &place).starts_with("E0604"));
        assert!(said(inputs.fetch(0, 1_000_003, &mut [0]), &place).starts_with("E0604"));
        assert!(said(inputs.fetch(0, u64::MAX, &mut [0]), &place).starts_with("E0604"));
        assert!(said(inputs.fetch(2, 0, &mut [0]), &place).starts_with("E0601"));
        inputs.verify().unwrap();
    }
}

#[test]
fn copies_are_exact_wherever_they_start() {
    let place = Place::new();
    let content = noise(20_000_000);
    let inputs = Inputs::open(&[info(&place.file("a", &content))]).unwrap();
    let staged = Staged::new(&place.at("out"), Kind::File, 0, &[], false).unwrap();
    let part = staged.part("", 20_000_100).unwrap();
    let moved = AtomicU64::new(0);
    let progress = |bytes: u64| {
        moved.fetch_add(bytes, Ordering::Relaxed);
    };
    let ranges =
        [(17, 19_999_000, 100), (0, 0, 0), (19_999_999, 1, 99), (0, 4096, 20_000_100 - 4096), (8192, 9_000_000, 4096)];
    for (offset, len, to) in ranges {
        inputs.copy(0, offset, len, &part, to, &progress).unwrap();
        let mut back = vec![0; len as usize];
        part.read_at(to, &mut back).unwrap();
        assert!(back == content[offset as usize..(offset + len) as usize]);
    }
    assert_eq!(moved.into_inner(), 19_999_000 + 1 + 4096 + 9_000_000);
    assert!(said(inputs.copy(0, 1, 20_000_000, &part, 0, &|_| {}), &place).starts_with("E0604"));
    // In the kernel, as on file systems where that is better; it may stop short.
    if let Some(count) = inputs.move_chunk(0, 5, 1_000_000, &part, 7).unwrap() {
        let mut back = vec![0; count as usize];
        part.read_at(7, &mut back).unwrap();
        assert!(count > 0 && back == content[5..5 + count as usize]);
    }
    // Cancelled between chunks.
    let asked = AtomicU64::new(0);
    let cancel = || asked.fetch_add(1, Ordering::Relaxed) == 1;
    assert!(!inputs.copy_seen(0, 0, 20_000_000, &part, 0, false, &cancel, &mut |_| {}).unwrap());
}

#[test]
fn changes_are_told() {
    let place = Place::new();
    let path = place.file("a", noise(10_000));
    let files = [info(&path)];
    std::fs::write(&path, noise(9_999)).unwrap();
    let changed = said(Inputs::open(&files).map(|_| ()), &place);
    assert!(changed.contains("had 10000 bytes when its header was read and has 9999 now"), "{changed}");

    let check = |change: &dyn Fn(), expected: &str| {
        std::fs::write(&path, noise(10_000)).unwrap();
        let inputs = Inputs::open(&files).unwrap();
        inputs.verify().unwrap();
        // File systems count time coarsely.
        std::thread::sleep(std::time::Duration::from_millis(20));
        change();
        let problem = said(inputs.verify(), &place);
        assert!(problem.starts_with("E0604") && problem.contains(expected), "{problem}");
    };
    check(&|| std::fs::write(&path, noise(9_999)).unwrap(), "shrank while it was read");
    check(&|| std::fs::write(&path, noise(10_000)).unwrap(), "was written to while it was read");
    check(&|| std::fs::write(&path, noise(10_001)).unwrap(), "was written to while it was read");
    check(&|| std::fs::rename(place.file("b", noise(10_000)), &path).unwrap(), "was replaced by another file");
    check(&|| std::fs::remove_file(&path).unwrap(), "was moved or removed");
}

/// A page that is gone gives a problem and no signal; other maps of the process are not touched by it.
#[test]
fn a_file_that_shrinks_is_a_problem() {
    let place = Place::new();
    let files = [info(&place.file("a", noise(8 << 20))), info(&place.file("b", noise(8 << 20)))];
    let inputs = Inputs::open(&files).unwrap();
    let mut dst = vec![0; 1 << 20];
    inputs.fetch(0, 0, &mut dst).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(place.at("a")).unwrap();
    file.set_len(100_000).unwrap();
    for offset in [0, 4 << 20, 7 << 20] {
        let problem = said(inputs.fetch(0, offset, &mut dst), &place);
        assert_eq!(problem, "E0604 `a` shrank while it was read, inputs must stay as they are during a build");
    }
    inputs.fetch(1, 7 << 20, &mut dst).unwrap();
    assert!(said(inputs.verify(), &place).contains("`a` shrank"));
    drop(inputs);
    // The table forgets it.
    file.set_len(8 << 20).unwrap();
    let inputs = Inputs::open(&files).unwrap();
    inputs.fetch(0, 4 << 20, &mut dst).unwrap();
    assert!(dst.iter().all(|&byte| byte == 0));
}

/// Two threads shrink and read at once, on both engines: never a signal, and what is read without a problem is right.
#[test]
fn a_race_with_truncation_ends_in_a_problem_or_right_bytes() {
    let place = Place::new();
    let content = noise(4 << 20);
    for round in 0..6 {
        let files = [info(&place.file("a", &content))];
        let inputs = Inputs::open_with(&files, round % 2 == 0).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let file = std::fs::OpenOptions::new().write(true).open(place.at("a")).unwrap();
                for keep in (0..64).rev() {
                    file.set_len(keep << 16).unwrap();
                }
            });
            let mut dst = vec![0; 1 << 16];
            for at in 0..64usize {
                let start = at << 16;
                if inputs.fetch(0, start as u64, &mut dst).is_ok() {
                    // Zeros come from the kernel's partial last page alone; `verify` tells of them.
                    assert!(dst == content[start..start + dst.len()] || inputs.verify().is_err());
                }
            }
        });
        assert!(inputs.verify().is_err());
    }
}

/// Two readers of a file of 96 MiB, who say now and then that it is time to look, hold little of it at any time.
#[cfg(target_os = "linux")]
#[track_caller]
fn check_resident(read: impl Fn(&Inputs, u64, &dyn Fn()) + Sync) {
    let place = Place::new();
    let path = place.at("a");
    let file = std::fs::File::create(&path).unwrap();
    // Written in pieces, so that the test itself holds little.
    let piece = noise(1 << 20);
    for at in 0..96 {
        crate::store::sys::write_full(&file, at << 20, &piece).unwrap();
    }
    let inputs = Inputs::open_with(&[info(&path)], true).unwrap();
    let before = resident();
    let most = AtomicU64::new(0);
    let look = || {
        most.fetch_max(resident(), Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        for reader in 0..2u64 {
            let (inputs, read, look) = (&inputs, &read, &look);
            scope.spawn(move || read(inputs, reader, look));
        }
    });
    let grown = most.into_inner().saturating_sub(before);
    assert!(grown < 24 << 10, "{grown} KiB more were resident");
}

/// Resident memory does not grow with the file, of which every reader has a half.
#[cfg(target_os = "linux")]
#[test]
fn pages_are_given_back() {
    check_resident(|inputs, half, look| {
        // Short ones come from the map.
        let mut dst = vec![0; 8 << 10];
        for window in 0..6144 {
            inputs.fetch(0, half * (48 << 20) + window * (8 << 10), &mut dst).unwrap();
            if window % 256 == 0 {
                look();
            }
        }
    });
}

/// What is read in place is what is fetched; given back, it can be read again.
#[test]
fn in_place_is_what_is_fetched() {
    let place = Place::new();
    let content = noise(1_000_003);
    let files = [info(&place.file("a", &content)), info(&place.file("empty", ""))];
    let inputs = Inputs::open_with(&files, true).unwrap();
    for (offset, len) in [(0, 0), (0, 1), (65_535, 2), (65_537, 131_072), (1_000_002, 1), (0, 1_000_003)] {
        for _ in 0..2 {
            let there = inputs.in_place(0, offset as u64, len).unwrap();
            assert!(there == &content[offset..offset + len], "{len} at {offset}");
            inputs.release(0, offset as u64..(offset + len) as u64).unwrap();
        }
    }
    for (file, offset, len) in [(0, 1_000_003, 1), (0, u64::MAX, 1), (1, 0, 1), (2, 0, 0)] {
        assert!(inputs.in_place(file, offset, len).is_none());
    }
    let by_position = Inputs::open_with(&files, false).unwrap();
    assert!(by_position.in_place(0, 0, 1).is_none());
    by_position.release(0, 0..1).unwrap();
}

/// A page that is gone reads as zeros, and the reader is told at the end.
#[cfg(target_os = "linux")]
#[test]
fn in_place_a_file_that_shrinks_is_a_problem() {
    let place = Place::new();
    let content = noise(4 << 20);
    let files = [info(&place.file("a", &content)), info(&place.file("b", &content))];
    let inputs = Inputs::open_with(&files, true).unwrap();
    let kept = inputs.in_place(1, 1 << 20, 1 << 20).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(place.at("a")).unwrap();
    let lost = inputs.in_place(0, 2 << 20, 1 << 20).unwrap();
    file.set_len(100_000).unwrap();
    assert!(lost.iter().all(|&byte| byte == 0));
    assert!(kept == &content[1 << 20..2 << 20]);
    inputs.release(1, 1 << 20..2 << 20).unwrap();
    let problem = said(inputs.release(0, 2 << 20..3 << 20), &place);
    assert_eq!(problem, "E0604 `a` shrank while it was read, inputs must stay as they are during a build");
    assert!(inputs.in_place(0, 0, 1).is_none());
    assert!(said(inputs.verify(), &place).contains("`a` shrank"));
}

/// Resident memory does not grow with what is read in place, by two readers whose ranges touch.
#[cfg(target_os = "linux")]
#[test]
fn pages_read_in_place_are_given_back() {
    check_resident(|inputs, reader, look| {
        // Not at the borders of pages.
        const STEP: u64 = 250_001;
        for step in (reader..(96 << 20) / STEP).step_by(2) {
            let there = inputs.in_place(0, step * STEP, STEP as usize).unwrap();
            std::hint::black_box(there.iter().map(|&byte| u64::from(byte)).sum::<u64>());
            inputs.release(0, step * STEP..(step + 1) * STEP).unwrap();
            if step % 16 < 2 {
                look();
            }
        }
    });
}

/// KiB of files that are resident in this process.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssFile:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}
