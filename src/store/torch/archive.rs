//! The zip archives that `torch.save` writes since version 1.6: `NAME/data.pkl`, and a member `NAME/data/KEY` for every
//! storage, never packed.

use super::Pickled;
use super::Window;
use super::after_the_end;
use super::faulty;
use crate::diag::Problem;
use crate::diag::shown;
use crate::pickle;
use crate::pickle::Limits;
use crate::store::error;
use crate::store::error::Flaw;
use crate::store::error::flawed;
use crate::store::format::Opened;
use crate::store::header::Budget;
use crate::store::json::quoted;
use crate::store::sheet;
use crate::store::sink::Origin;
use crate::store::zip;
use crate::store::zip::Directory;
use crate::store::zip::Member;
use crate::tensor::Header;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Versions of the archive that PyTorch's own reader knows.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=10;

/// Longest `version` or `byteorder`.
const SMALL: u64 = 64;

/// The member in which blend keeps what safetensors has in `__metadata__`: one JSON object of texts.
const METADATA: &str = "blend.json";

/// Longest such member that is read; a checkpoint is one without it, too.
const METADATA_MOST: u64 = 4 << 20;

/// Whether an archive is one of PyTorch, to be read or refused by [`read`].
pub fn owns(directory: &Directory) -> bool {
    directory.members.iter().any(|member| {
        let file = member.name.rsplit('/').next();
        file == Some("data.pkl") || file == Some("constants.pkl")
    })
}

/// An archive that PyTorch writes for something else; `None`: it has nothing of PyTorch.
pub fn refuse_other(opened: &Opened, directory: &Directory) -> Option<Problem> {
    let mut files = directory.members.iter().filter_map(|member| member.name.rsplit('/').next());
    files
        .any(|file| file == "archive_format" || file == "archive_version" || file == "serialized_exported_program.json")
        .then(|| {
            program(
                opened,
                "a program of `torch.export`",
                "torch.save(torch.export.load(\"a.pt2\").state_dict, \"b.pt\")",
            )
        })
}

fn program(opened: &Opened, what: &str, code: &str) -> Problem {
    let message = format!("`{}` is {what}, a checkpoint was expected", shown::path(opened.path));
    Problem::new(error::OTHER_KIND, message).help(format!("save its weights alone: `{code}` in Python"))
}

/// Reads an archive of `torch.save` and adds file, tensors and metadata to `header`.
///
/// Errors: E0503 for TorchScript, E0507, E0508, E0510, E0517 to E0522, E0601.
pub fn read(
    opened: &Opened,
    directory: &Directory,
    key: Option<&str>,
    header: &mut Header,
    budget: &mut Budget,
) -> Result<(), Problem> {
    let prefix = prefix(opened, directory)?;
    let own = |name: &str| directory.find(&format!("{prefix}/{name}"));
    let code = format!("{prefix}/code/");
    if own("constants.pkl").is_some() || directory.members.iter().any(|member| member.name.starts_with(&code)) {
        return Err(program(
            opened,
            "a TorchScript program",
            "torch.save(torch.jit.load(\"a.pt\").state_dict(), \"b.pt\")",
        ));
    }
    if let Some(member) = directory.members.iter().find(|member| member.method != zip::STORED) {
        let found = format!("{} packed (method {})", quoted(&member.name), member.method);
        return Err(wrong(
            opened,
            member.offset,
            "has packed members",
            found,
            "members as they are, as PyTorch writes",
        ));
    }
    check_version(opened, directory, own("version"))?;
    check_order(opened, directory, own("byteorder"))?;
    let mut pickles = directory.members.iter().filter(|member| member.name.rsplit('/').next() == Some("data.pkl"));
    let (Some(member), None) = (own("data.pkl"), pickles.nth(1)) else {
        let expected = format!("one, `{prefix}/data.pkl`");
        return Err(wrong(opened, 0, "has several pickles", "another `data.pkl`".into(), &expected));
    };
    zip::check(opened, directory, member)?;
    let window = Window { file: &opened.file, start: member.offset, len: member.len };
    let pickle = pickle::run(&window, 0, &Limits::default()).map_err(|fault| faulty(opened.path, &window, &fault))?;
    if pickle.end != member.len {
        return Err(after_the_end(opened.path, member.offset + pickle.end, &quoted(&member.name)));
    }
    let data = format!("{prefix}/data/");
    let storages: HashMap<&str, &Member> =
        directory.members.iter().filter_map(|member| Some((member.name.strip_prefix(&data)?, member))).collect();
    let storages = |key: &str| storages.get(key).map(|member| (member.offset, member.len));
    let origin = Origin { path: opened.path, size: opened.size, base: window.start, storages: Some(&storages) };
    let found = Pickled { origin, window: &window, values: &pickle.values, root: pickle.root };
    found.add(key, header, budget)?;
    match own(METADATA).filter(|member| member.len <= METADATA_MOST) {
        Some(member) => texts(opened, directory, member, header, budget),
        None => Ok(()),
    }
}

/// Adds the texts of blend's own member to the metadata.
fn texts(
    opened: &Opened,
    directory: &Directory,
    member: &Member,
    header: &mut Header,
    budget: &mut Budget,
) -> Result<(), Problem> {
    let content = zip::content(opened, directory, member, METADATA_MOST)?;
    // A pair has four quotes at least: what it takes is booked before anything is made of it.
    let pairs = content.iter().filter(|byte| **byte == b'"').count() / 4;
    if !budget.charge(content.len() + pairs.saturating_mul(320)) {
        return Err(sheet::too_large(member.offset).of_file(opened.path));
    }
    let texts: BTreeMap<String, String> = serde_json::from_slice(&content).map_err(|error| {
        let what = "has metadata that cannot be read";
        wrong(opened, member.offset, what, error.to_string(), "a JSON object of texts in `blend.json`")
    })?;
    for (key, text) in texts {
        header.metadata.entry(key).or_insert(text);
    }
    Ok(())
}

/// What all names begin with: the one folder on top.
fn prefix<'d>(opened: &Opened, directory: &'d Directory) -> Result<&'d str, Problem> {
    let top = |member: &'d Member| member.name.split_once('/').map(|(top, _)| top);
    let first = directory.members.first().and_then(top);
    let other = directory.members.iter().find(|member| top(member) != first || first.is_none());
    match (first, other) {
        (Some(first), None) => Ok(first),
        (_, other) => {
            let found = other.map_or("no member".into(), |member| quoted(&member.name));
            let offset = other.map_or(0, |member| member.offset);
            let expected = format!("names that all begin with `{}/`", shown::name(first.unwrap_or("archive")));
            Err(wrong(opened, offset, "has members of several archives", found, &expected))
        }
    }
}

fn wrong(opened: &Opened, offset: u64, what: &str, found: String, expected: &str) -> Problem {
    let flaw = Flaw { offset, found, expected: expected.into() };
    let help = "save it with PyTorch again: `torch.save(torch.load(\"a.pt\", weights_only=True), \"b.pt\")`";
    flawed(error::ZIP, opened.path, what, flaw, help)
}

fn check_version(opened: &Opened, directory: &Directory, member: Option<&Member>) -> Result<(), Problem> {
    let what = "is an archive of a version that blend does not know";
    let expected = "`version` with a number from 1 to 10";
    let Some(member) = member else { return Err(wrong(opened, 0, what, "no member `version`".into(), expected)) };
    let text = zip::content(opened, directory, member, SMALL)?;
    let text = String::from_utf8_lossy(&text);
    match text.trim_end_matches('\n').parse::<u32>() {
        Ok(version) if VERSIONS.contains(&version) => Ok(()),
        _ => Err(wrong(opened, member.offset, what, quoted(&text), expected)),
    }
}

/// Archives of before PyTorch 2.1 do not say in which order bytes stand; they are of little-endian machines.
fn check_order(opened: &Opened, directory: &Directory, member: Option<&Member>) -> Result<(), Problem> {
    let Some(member) = member else { return Ok(()) };
    let text = zip::content(opened, directory, member, SMALL)?;
    match &text[..] {
        b"little" => Ok(()),
        b"big" => {
            let flaw = Flaw { offset: member.offset, found: "`big`".into(), expected: "`little`".into() };
            let help = "save it on a usual machine: `torch.save(torch.load(\"a.pt\", weights_only=True), \"b.pt\")`";
            Err(flawed(error::UNREADABLE, opened.path, "is of a big-endian machine", flaw, help))
        }
        other => {
            let found = quoted(&String::from_utf8_lossy(other));
            Err(wrong(opened, member.offset, "has a byte order that is none", found, "`little`"))
        }
    }
}
