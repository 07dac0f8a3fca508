//! In which order and how many at a time a command goes over instances, worked out before anything happens.
//!
//! An instance goes with the first of its layers, in stack-file order, and its strategy. A layer that comes after
//! others begins when they are done, as far as the run is about them.

use std::{collections::BTreeMap, time::Duration};

use engine_model::{Command, HealthCheck, Instance, Name, Rollout, Stack, UnreachablePolicy};

/// Instances that go by one strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The layer that they go with.
    pub layer: Name,
    /// Positions of the groups that must be done before this one begins; each is smaller than the group's own.
    pub after: Vec<usize>,
    /// The instances: batch after batch.
    pub batches: Vec<Vec<Name>>,
    /// How many may fail before no further batch is begun.
    pub max_failures: u32,
    /// How long to wait between two batches.
    pub pause: Duration,
    /// What an instance means that cannot be reached.
    pub unreachable: UnreachablePolicy,
    /// What must hold of an instance before it counts as done.
    pub health: Option<HealthCheck>,
}

impl Group {
    /// All its instances.
    pub fn instances(&self) -> impl Iterator<Item = &Name> {
        self.batches.iter().flatten()
    }
}

/// The instances of other groups of which it cannot be said where they stand while a group is worked on: all but those
/// of the groups that it comes after.
pub(crate) fn unsettled(groups: &[Group], position: usize) -> Vec<Name> {
    let mut before = vec![position];
    let mut next = 0;
    while let Some(group) = before.get(next).map(|position| &groups[*position]) {
        let more: Vec<usize> =
            group.after.iter().filter(|position| !before.contains(position)).copied().collect();
        before.extend(more);
        next += 1;
    }
    let others = groups.iter().enumerate().filter(|(position, _)| !before.contains(position));
    others.flat_map(|(_, group)| group.instances()).cloned().collect()
}

/// Works out how a command goes over these instances. What the operator says lies on top of what the layers say.
pub fn groups(stack: &Stack, command: Command, instances: &[Name], operator: &Rollout) -> Vec<Group> {
    let ranks = ranks(stack);
    let rank = |instance: &Instance| {
        instance.layers.iter().filter_map(|layer| ranks.get(layer)).copied().max().unwrap_or(0)
    };
    // By rank, then by layer in stack-file order: so that a group waits for earlier ones alone.
    let mut members: BTreeMap<(usize, usize), Vec<&Instance>> = BTreeMap::new();
    for instance in stack.instances.iter().filter(|instance| instances.contains(&instance.name)) {
        let position = stack.layers.iter().position(|layer| instance.layers.contains(&layer.name));
        if let Some(position) = position {
            members.entry((rank(instance), position)).or_default().push(instance);
        }
    }
    let keys: Vec<((usize, usize), Vec<&Instance>)> = members.into_iter().collect();
    let waits = |(rank, members): (usize, &[&Instance]), (earlier, others): (usize, &[&Instance])| {
        let after =
            members.iter().flat_map(|instance| stack.layers_of(instance)).flat_map(|layer| &layer.after);
        let mut after = after.filter(|layer| others.iter().any(|other| other.layers.contains(layer)));
        earlier < rank && after.next().is_some()
    };
    let group = |(index, ((rank, position), members)): (usize, &((usize, usize), Vec<&Instance>))| {
        let layer = &stack.layers[*position];
        let strategy = operator.over(&layer.rollout_for(command));
        let earlier = keys[..index].iter().enumerate();
        let after = earlier.filter(|(_, ((earlier, _), others))| waits((*rank, members), (*earlier, others)));
        Group {
            layer: layer.name.clone(),
            after: after.map(|(index, _)| index).collect(),
            batches: batches(members, &strategy),
            max_failures: strategy.max_failures.unwrap_or(0),
            pause: strategy.pause.unwrap_or_default(),
            unreachable: strategy.unreachable.unwrap_or_default(),
            health: strategy.health,
        }
    };
    keys.iter().enumerate().map(group).collect()
}

/// How long the longest chain is of layers that come before each layer.
fn ranks(stack: &Stack) -> BTreeMap<&Name, usize> {
    let mut ranks: BTreeMap<&Name, usize> = stack.layers.iter().map(|layer| (&layer.name, 0)).collect();
    // Each round settles at least one more layer; the stack file has no circles.
    for _ in &stack.layers {
        for layer in &stack.layers {
            let before =
                layer.after.iter().filter_map(|name| ranks.get(name)).max().map_or(0, |rank| rank + 1);
            ranks.insert(&layer.name, before);
        }
    }
    ranks
}

fn batches(members: &[&Instance], strategy: &Rollout) -> Vec<Vec<Name>> {
    let names: Vec<Name> = members.iter().map(|instance| instance.name.clone()).collect();
    let (canary, rest) = match strategy.canary {
        Some(true) if names.len() > 1 => names.split_at(1),
        _ => names.split_at(0),
    };
    let size = strategy.batch.map_or(names.len(), |size| size.of(names.len())).max(1);
    let canary = (!canary.is_empty()).then(|| canary.to_vec());
    canary.into_iter().chain(rest.chunks(size).map(<[Name]>::to_vec)).collect()
}

#[cfg(test)]
mod tests {
    use engine_model::{BatchSize, Connection, Layer};

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn layer(text: &str, after: &[&str], rollout: Rollout) -> Layer {
        let after = after.iter().map(|layer| name(layer)).collect();
        Layer { after, rollout, ..Layer::new(name(text)) }
    }

    fn stack(layers: Vec<Layer>, instances: &[(&str, &[&str])]) -> Stack {
        let instance = |(text, layers): &(&str, &[&str])| Instance {
            name: name(text),
            layers: layers.iter().map(|layer| name(layer)).collect(),
            connection: Connection::Local,
            address: (*text).to_owned(),
            hostname: (*text).to_owned(),
            registered: false,
        };
        Stack { layers, instances: instances.iter().map(instance).collect(), ..Stack::new(name("demo")) }
    }

    /// One line a group: its number, its layer, what it waits for, its batches.
    fn script(stack: &Stack, command: Command, operator: &Rollout) -> String {
        let all: Vec<Name> = stack.instances.iter().map(|instance| instance.name.clone()).collect();
        let line = |(index, group): (usize, Group)| {
            let batches: Vec<String> = group
                .batches
                .iter()
                .map(|batch| batch.iter().map(Name::as_str).collect::<Vec<_>>().join(" "))
                .collect();
            format!("{index} {} after {:?}: {}", group.layer, group.after, batches.join(" | "))
        };
        groups(stack, command, &all, operator)
            .into_iter()
            .enumerate()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_layer_waits_for_those_it_comes_after_and_for_no_others() {
        let stack = stack(
            vec![
                layer("lb", &["app"], Rollout::default()),
                layer("app", &["db"], Rollout::default()),
                layer("db", &[], Rollout::default()),
                layer("cache", &[], Rollout::default()),
            ],
            &[
                ("lb-1", &["lb"]),
                ("app-1", &["app"]),
                ("db-1", &["db"]),
                ("c-1", &["cache"]),
                ("all", &["db", "lb"]),
            ],
        );
        insta::assert_snapshot!(script(&stack, Command::Setup, &Rollout::default()), @r"
    0 db after []: db-1
    1 cache after []: c-1
    2 app after [0]: app-1
    3 lb after [2]: lb-1 all
    ");
    }

    #[test]
    fn a_canary_goes_first_and_shares_are_rounded_down() {
        let rollout =
            Rollout { batch: Some(BatchSize::Percent(50)), canary: Some(true), ..Rollout::default() };
        let mut app = layer("app", &[], rollout);
        let one = Rollout { batch: Some(BatchSize::Count(1)), canary: Some(false), ..Rollout::default() };
        app.rollout_of.insert(Command::Configure, one);
        let stack = stack(
            vec![app],
            &[("a", &["app"]), ("b", &["app"]), ("c", &["app"]), ("d", &["app"]), ("e", &["app"])],
        );
        insta::assert_snapshot!(script(&stack, Command::Deploy, &Rollout::default()), @"0 app after []: a | b c | d e");
        insta::assert_snapshot!(script(&stack, Command::Configure, &Rollout::default()), @"0 app after []: a | b | c | d | e");
        let operator = Rollout { batch: Some(BatchSize::Count(4)), ..Rollout::default() };
        insta::assert_snapshot!(script(&stack, Command::Deploy, &operator), @"0 app after []: a | b c d e");
    }

    #[test]
    fn only_those_that_take_part_are_waited_for() {
        let stack = stack(
            vec![layer("app", &["db"], Rollout::default()), layer("db", &[], Rollout::default())],
            &[("app-1", &["app"]), ("db-1", &["db"])],
        );
        let groups = groups(&stack, Command::Deploy, &[name("app-1")], &Rollout::default());
        assert_eq!(groups.len(), 1);
        assert!(groups[0].after.is_empty());
    }
}
