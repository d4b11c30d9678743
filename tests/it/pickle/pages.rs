//! The pages of the codes of pickles show what is really said.

use super::asm::Asm;
use super::hostile::refused;
use crate::hostile::pages::check;
use blend::pickle;

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
        check(code, &pickle::problem(&refused(bytes), "models/a.pkl", 0));
    }
}
