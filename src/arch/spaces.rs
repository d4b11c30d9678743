//! What a family says of the channel spaces of one tensor, with the numbers of a checkpoint put in.

use super::Free;
use super::Group;
use super::data::Family;
use super::data::TensorRule;
use super::template::skeleton;
use std::sync::Arc;

/// Numbers by name.
type Numbers<'n> = &'n [(Arc<str>, i64)];

/// The channel spaces of a tensor's axes.
pub fn axes(rule: &TensorRule, family: &Family, binding: Numbers, numbers: Numbers) -> Vec<Option<Arc<str>>> {
    let same: Vec<(String, &Arc<str>)> =
        family.same.iter().filter_map(|(space, name)| Some((space.fill(numbers)?, name))).collect();
    let named = |space: String| match same.iter().find(|entry| entry.0 == space) {
        Some((_, name)) => (*name).clone(),
        None => space.into(),
    };
    rule.axes.iter().map(|axis| axis.as_ref()?.fill(binding).map(named)).collect()
}

/// The groups that the channels of some spaces are in, where the numbers tell their sizes.
pub fn groups(axes: &[Option<Arc<str>>], family: &Family, numbers: Numbers) -> Vec<Group> {
    let mut out = vec![];
    for (axis, space) in axes.iter().enumerate() {
        let Some(space) = space else { continue };
        let (bones, own) = skeleton(space);
        for rule in family.groups.iter().filter(|rule| rule.of.skeleton == bones) {
            let Some(binding) = rule.of.solve(&own) else { continue };
            let size = rule.each.eval(numbers).and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
            if let (Some(name), Some(size)) = (rule.name.fill(&binding), size) {
                out.push(Group { axis, space: name.into(), size });
            }
        }
    }
    out
}

/// The axes whose channels may change places; where nothing tells how many keep together, they stay where they are.
pub fn free(axes: &[Option<Arc<str>>], family: &Family, numbers: Numbers) -> Vec<Free> {
    let of = |(axis, space): (usize, &Option<Arc<str>>)| {
        let (bones, own) = skeleton(space.as_ref()?);
        family.free.iter().filter(|rule| rule.space.skeleton == bones).find_map(|rule| {
            let binding = rule.space.solve(&own)?;
            let block = match &rule.each {
                None => 1,
                Some(each) => each.eval(numbers).and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0)?,
            };
            let under = match &rule.under {
                None => None,
                Some(under) => Some(under.fill(&binding)?.into()),
            };
            Some(Free { axis, block, under })
        })
    };
    axes.iter().enumerate().filter_map(of).collect()
}
