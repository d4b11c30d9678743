//! Small texts.

use super::Place;
use super::said;
use crate::store::read_text;
use crate::store::write_text;

#[test]
fn texts_are_replaced_whole() {
    let place = Place::new();
    write_text(&place.at("new/a.blend"), "blend 1\n").unwrap();
    write_text(&place.at("new/a.blend"), "\u{feff}blend 1 # é\n").unwrap();
    assert_eq!(read_text(&place.at("new/a.blend"), 100).unwrap(), "\u{feff}blend 1 # é\n");
    assert_eq!(place.names("new"), ["a.blend"]);
}

#[test]
fn texts_that_are_none_are_told_apart() {
    let place = Place::new();
    let check = |content: &[u8], expected: &str| {
        let path = place.file("a.blend", content);
        assert_eq!(said(read_text(&path, 20), &place), expected);
    };
    check(b"blend 1\n# caf\xe9\n", "E0514 `a.blend` is not UTF-8 text");
    check(&[b' '; 21], "E0514 `a.blend` is longer than a text may be: 20 bytes are read");
    check(b"BLENDER-v300", "E0503 `a.blend` is a Blender scene, a text was expected");
    assert_eq!(read_text(&place.file("b", [b' '; 20]), 20).unwrap().len(), 20);
    assert_eq!(said(read_text(&place.at(""), 20), &place).split('`').next(), Some("E0502 "));
    let near = read_text(&place.at("a.blen"), 20).unwrap_err();
    assert!(near.help.unwrap().ends_with("a.blend`"));
    assert!(said(read_text("/dev/zero".as_ref(), 20), &place).starts_with("E0502 `/dev/zero` is a device"));
    let wrong = read_text(&place.file("c", b"ab\ncd\xff"), 20).unwrap_err();
    assert_eq!(wrong.notes, ["at byte 5, line 2: found 0xff, expected UTF-8"]);
}
