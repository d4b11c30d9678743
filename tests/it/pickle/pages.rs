//! The pages of the codes of pickles show what is really said.

use super::asm::Asm;
use super::hostile::refused;
use blend::pickle;
use std::path::Path;

/// The problem of these bytes as text.
fn said(bytes: &[u8]) -> (String, String) {
    let problem = pickle::problem(&refused(bytes), "models/a.pkl", 0);
    let mut lines = vec![problem.message.clone()];
    lines.extend(problem.notes.iter().map(|note| format!("  note: {note}")));
    lines.extend(problem.help.iter().map(|help| format!("  help: {help}")));
    (problem.code.0.to_string(), lines.join("\n"))
}

/// The example of each page is what is really said; `UPDATE=1` writes it there.
#[test]
fn pages_show_what_is_said() {
    let new = || Asm::new(2);
    let beyond = new().raw(b"}").text("G_ema").raw(b"}(").text("bias").tensor("0", 4, 2, &[4], &[1]);
    let examples = [
        ("E0517", new().global("os", "system").text("id").raw(b"\x85R").stop()),
        ("E0518", beyond.stop()),
        ("E0519", b"(lp0\n.".to_vec()),
        ("E0520", new().raw(b"N").raw(&[0x85; 300]).stop()),
    ];
    for (code, bytes) in &examples {
        let (found, said) = said(bytes);
        assert_eq!(found, *code, "{said}");
        let row = blend::diag::codes::all().find(|row| row.code == *code).expect("it has a row");
        let (before, rest) = row.page.split_once("```text\n").expect("the page has an example");
        let (shown, after) = rest.split_once("\n```").expect("the example ends");
        if shown != said && std::env::var_os("UPDATE").is_some() {
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/diag/codes/{code}.md"));
            std::fs::write(page, format!("{before}```text\n{said}\n```{after}")).unwrap();
        } else {
            assert_eq!(shown, said, "the page of {code}");
        }
    }
}
