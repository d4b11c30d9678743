//! W04: what is legal and hardly meant.

use crate::arch::Part;
use crate::check::context::Context;
use crate::check::error::listed;
use crate::check::gives::Classes;
use crate::check::gives::Giver;
use crate::check::gives::Gives;
use crate::diag::Code;
use crate::diag::Problem;
use crate::hir::ExprId;
use crate::hir::Input;
use crate::hir::InputId;
use crate::hir::Made;
use crate::tensor::Coord;
use crate::text::Site;

/// A preset of `std` on a network that lacks what it speaks of.
pub fn foreign_preset(name: &str, lacking: &[String], input: &Input, site: Site) -> Problem {
    let has = |coord: Coord| input.canon.tensors.iter().any(|tensor| tensor.traits.coord(coord).is_some());
    let example = match Coord::ALL.into_iter().find(|coord| has(*coord)) {
        Some(coord) => coord.text().to_string(),
        None => first_word(input).map_or("a word".into(), |word| format!("`{word}`")),
    };
    let help = format!(
        "say the weights in words of the network, for example by {example}: `match {{ {} => 1  else => 0 }}`",
        match Coord::ALL.into_iter().find(|coord| has(*coord)) {
            Some(coord) => format!("{} {}", coord.text(), middle(input, coord)),
            None => first_word(input).unwrap_or("weight").to_string(),
        }
    );
    Problem::new(
        Code("W0404"),
        format!("`{name}` speaks of {}, which no model here has: it was written for another network", listed(lacking)),
    )
    .at(site, "what it says of the rest holds for every tensor")
    .because(input.site, format!("{}, layout {}", input.canon.family, input.canon.layout))
    .help(help)
}

/// `16..`: the upper half of a coordinate.
fn middle(input: &Input, coord: Coord) -> String {
    let mut values: Vec<f64> = input.canon.tensors.iter().filter_map(|tensor| tensor.traits.coord(coord)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values.get(values.len() / 2).map_or("0..".into(), |value| format!("{value}.."))
}

fn first_word(input: &Input) -> Option<&str> {
    input.canon.tensors.iter().find_map(|tensor| tensor.traits.words.first()).map(|word| &**word)
}

/// An average that has other shares than what it is the average of.
pub fn lost_average(
    made: &Made,
    of: &Part,
    [own, whole]: [&Gives; 2],
    classes: &Classes,
    context: &Context,
    value: ExprId,
) -> Problem {
    let name = &made.name;
    let pattern = of.words.iter().map(|word| &**word).collect::<Vec<_>>().join(" and ");
    let model = |input: InputId| format!("`{}`", context.inputs[input.0 as usize].name);
    let message = format!(
        "`{name}` is {}, but the {} that it is an average of is {}",
        classes.text(own, &model),
        of.name,
        classes.text(whole, &model)
    );
    let problem = Problem::new(Code("W0409"), message).at(context.site_of(value), "gives them different shares");
    match whole.0.as_slice() {
        [(Giver::Input(input), share)] if share.is(1.0) => {
            let model = &context.inputs[input.0 as usize].name;
            problem.help(format!("take both from one model: `match {{ {pattern} => {model}  else => … }}`"))
        }
        _ => problem.help(format!("give both the same shares with one arm for `{pattern}`")),
    }
}
