//! Messages about channel masks.

use super::counted;
use super::listed;
use crate::check::error::subject;
use crate::diag::Code;
use crate::diag::Problem;
use crate::diag::suggest::nearest;
use crate::text::Site;
use std::collections::HashSet;
use std::sync::Arc;

/// A weight by channel where one number is needed.
pub fn by_channel(text: &str, site: Site) -> Problem {
    Problem::new(Code("E0311"), format!("`{text}` differs from channel to channel, but one number is needed here"))
        .at(site, "differs by channel")
        .help("use it as a share: `mix(a, b, MASK)`, or in `+ - * /`, `min`, `max`, `clamp` and other functions")
}

/// A mask of another number of channels than a space has.
pub fn mask_size(name: &str, space: &str, mask: u64, found: u64, names: &[&str], site: Site) -> Problem {
    let message = format!(
        "`{name}` means {} of `{space}`, but {} {} {found}",
        counted(mask as usize, "channel"),
        subject(names),
        if names.len() == 1 { "has" } else { "have" }
    );
    Problem::new(Code("E0411"), message).at(site, format!("is for {mask} channels")).help(format!(
        "name channels from 0 to {}, or use a catalogue of a model of this width",
        found.saturating_sub(1)
    ))
}

/// Spaces that no tensor has.
pub fn lost_spaces(name: &str, missing: &[Arc<str>], known: &HashSet<Arc<str>>, site: Site) -> Problem {
    let mut all: Vec<&str> = known.iter().map(|space| &**space).collect();
    all.sort_unstable();
    let many = if missing.len() == 1 { "a channel space" } else { "channel spaces" };
    let message = format!("`{name}` names {many} that no tensor has: {}", listed(missing));
    let problem = Problem::new(Code("E0412"), message).at(site, "does not fit these models");
    match missing.first().and_then(|first| nearest(first, all.iter().copied())) {
        Some(near) if missing.len() == 1 => problem.help(format!("write `\"{near}\"` (there are {})", listed(&all))),
        _ if all.is_empty() => {
            problem.help("give the models an architecture whose file has `axes`: `{ arch = \"PATH\" }`")
        }
        _ => problem.help(format!("use channels of these models: there are {}", listed(&all))),
    }
}

/// A literal set without spaces.
pub fn empty_mask(name: &str, site: Site) -> Problem {
    Problem::new(Code("E0413"), format!("`{name}` names no channels"))
        .at(site, "is empty")
        .help("name a channel space: `{ \"b32.conv1\" = [3, 17, 40..63] }`")
}

pub fn bad_indices(text: &str, site: Site) -> Problem {
    Problem::new(Code("E0413"), format!("`{text}` is no set of channels"))
        .at(site, "neither whole numbers nor ranges of them")
        .help("write a list such as `[3, 17, 40..63]`; the first channel is 0")
}

pub fn bad_mask_option(name: &str, text: &str, site: Site) -> Problem {
    let help = match name {
        "epsilon" => "write a number of 0 or more, such as `epsilon = 50`",
        "rho" => "write a number from 0 to 1, such as `rho = 0.1`",
        "top" => "write a whole number of 1 or more, such as `top = 40`",
        _ => "write `soft = true`, or the M that counts fully, above `rho`: `soft = 0.5`",
    };
    Problem::new(Code("E0413"), format!("`{name}` cannot be `{text}`")).at(site, "is out of range").help(help)
}

pub fn two_ways(first: &(&str, Site), second: &(&str, Site)) -> Problem {
    Problem::new(Code("E0413"), format!("`{}` and `{}` choose channels in two ways", first.0, second.0))
        .at(second.1, "another way")
        .because(first.1, "one way")
        .help("keep one of `epsilon`, `top` and `soft`")
}

pub fn unknown_cluster(cluster: u64, clusters: usize, site: Site) -> Problem {
    Problem::new(Code("E0413"), format!("there is no cluster {cluster}: they are 0 to {}", clusters - 1))
        .at(site, "names no cluster")
        .help(format!("write numbers from 0 to {}, such as `clusters = [0]`", clusters - 1))
}

pub fn no_part(stem: &str, known: &[&str], site: Site) -> Problem {
    let problem = Problem::new(Code("E0413"), format!("it is not said which part of `{stem}.channels` is meant"))
        .at(site, "has several clusters");
    match known.first() {
        Some(first) => problem.help(format!("write `{{ part = \"{first}\" }}` (there are {})", listed(known))),
        None => problem.help(format!(
            "write `{{ clusters = [0] }}`, or name some in `{stem}.toml`: `[parts]`, then `eyes = [3, 7]`"
        )),
    }
}

pub fn unknown_part(part: &str, stem: &str, known: &[&str], site: Site) -> Problem {
    let problem =
        Problem::new(Code("E0413"), format!("`{stem}.toml` names no part `{part}`")).at(site, "no part is called this");
    match nearest(part, known.iter().copied()).or(known.first().copied()) {
        Some(near) => {
            problem.help(format!("write `\"{near}\"` (there are {})", listed(known))).edit(site, format!("\"{near}\""))
        }
        None => problem.help(format!("name its clusters in `{stem}.toml`: `[parts]`, then `{part} = [3, 7]`")),
    }
}

pub fn bad_names(stem: &str, reason: &str, site: Site) -> Problem {
    Problem::new(Code("E0413"), format!("the names in `{stem}.toml` cannot be read: {reason}"))
        .at(site, "its names are there")
        .help("write `[parts]`, then a line such as `eyes = [3, 7]` for each part")
}

/// A mask that holds no channel.
pub fn idle_mask(name: &str, site: Site) -> Problem {
    Problem::new(Code("W0411"), format!("`{name}` holds no channel: it is 0 everywhere"))
        .at(site, "chooses nothing")
        .help("raise `epsilon` or lower `rho`, or choose `top = 40`")
}

/// A mask whose models are none of those that it is used with.
pub fn strange_mask(name: &str, origins: &[&str], site: Site) -> Problem {
    Problem::new(Code("W0761"), format!("`{name}` was made from another network than those that it is used with"))
        .at(site, format!("comes from {}", listed(origins)))
        .help("find the channels in one of these models: `blend channels find MODEL`")
}
