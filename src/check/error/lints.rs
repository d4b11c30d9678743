//! W04: what is legal and hardly meant.

use crate::arch::Part;
use crate::check::context::Context;
use crate::check::error::listed;
use crate::diag::Code;
use crate::diag::Problem;
use crate::field::Weight;
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

/// What a tensor is made of, whatever the tensor: inputs or calls, with shares.
#[derive(Clone, Debug, PartialEq)]
pub struct Gives(pub Vec<(Option<InputId>, Vec<Gives>, Weight)>);

impl Gives {
    /// Every input, those of calls too.
    pub fn inputs(&self) -> Vec<InputId> {
        let own = |(input, inner, _): &(Option<InputId>, Vec<Gives>, Weight)| {
            let inner = inner.iter().flat_map(Gives::inputs);
            input.iter().copied().chain(inner).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(own).collect()
    }

    /// "`a`", "0.5 of `a` and 0.5 of `b`"
    fn text(&self, context: &Context) -> String {
        let name = |(input, inner, _): &(Option<InputId>, Vec<Gives>, Weight)| match (input, inner.as_slice()) {
            (Some(input), _) => format!("`{}`", context.inputs[input.0 as usize].name),
            (None, inner) => {
                let texts: Vec<String> = inner.iter().map(|inner| inner.text(context)).collect();
                format!("a call of {}", texts.join(" and "))
            }
        };
        match self.0.as_slice() {
            [one] if one.2.is(1.0) => name(one),
            terms => {
                let texts: Vec<String> = terms.iter().map(|term| format!("{} of {}", term.2, name(term))).collect();
                texts.join(" and ")
            }
        }
    }
}

/// An average that has other shares than what it is the average of.
pub fn lost_average(made: &Made, of: &Part, own: &Gives, whole: &Gives, context: &Context, value: ExprId) -> Problem {
    let name = &made.name;
    let pattern = of.words.iter().map(|word| &**word).collect::<Vec<_>>().join(" and ");
    let message = format!(
        "`{name}` is {}, but the {} that it is an average of is {}",
        own.text(context),
        of.name,
        whole.text(context)
    );
    let problem = Problem::new(Code("W0409"), message).at(context.site_of(value), "gives them different shares");
    match whole.0.as_slice() {
        [(Some(input), _, share)] if share.is(1.0) => {
            let model = &context.inputs[input.0 as usize].name;
            problem.help(format!("take both from one model: `match {{ {pattern} => {model}  else => … }}`"))
        }
        _ => problem.help(format!("give both the same shares with one arm for `{pattern}`")),
    }
}
