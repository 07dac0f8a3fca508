//! Names for new instances, as the hostname themes of AWS OpsWorks Stacks gave them.

use serde::{Deserialize, Serialize};

/// Where the names of new instances come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostnameTheme {
    /// The layer and a number: `app1`, `app2`.
    #[default]
    LayerDependent,
    /// Fruits.
    Fruits,
    /// Planets and moons.
    Planets,
    /// Clouds.
    Clouds,
    /// Gods of the Greeks.
    GreekDeities,
    /// Wild cats.
    WildCats,
}

impl HostnameTheme {
    /// All themes.
    pub const ALL: [HostnameTheme; 6] = [
        HostnameTheme::LayerDependent,
        HostnameTheme::Fruits,
        HostnameTheme::Planets,
        HostnameTheme::Clouds,
        HostnameTheme::GreekDeities,
        HostnameTheme::WildCats,
    ];

    /// The theme's name in a stack file.
    pub const fn name(self) -> &'static str {
        match self {
            HostnameTheme::LayerDependent => "layer-dependent",
            HostnameTheme::Fruits => "fruits",
            HostnameTheme::Planets => "planets",
            HostnameTheme::Clouds => "clouds",
            HostnameTheme::GreekDeities => "greek-deities",
            HostnameTheme::WildCats => "wild-cats",
        }
    }

    /// The theme of that name.
    pub fn parse(name: &str) -> Option<HostnameTheme> {
        HostnameTheme::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// The words; none where the layer names the instances.
    const fn words(self) -> &'static [&'static str] {
        match self {
            HostnameTheme::LayerDependent => &[],
            HostnameTheme::Fruits => &[
                "apple", "banana", "cherry", "date", "fig", "grape", "kiwi", "lemon", "lime", "mango",
                "melon", "orange", "papaya", "peach", "pear", "plum", "quince",
            ],
            HostnameTheme::Planets => &[
                "mercury", "venus", "earth", "mars", "jupiter", "saturn", "uranus", "neptune", "moon",
                "phobos", "deimos", "io", "europa", "ganymede", "callisto", "titan", "rhea", "dione",
                "ariel", "oberon", "triton",
            ],
            HostnameTheme::Clouds => &[
                "cirrus", "cumulus", "stratus", "nimbus", "arcus", "mamma", "virga", "tuba", "pannus",
                "velum", "pileus", "fumulus",
            ],
            HostnameTheme::GreekDeities => &[
                "zeus", "hera", "poseidon", "demeter", "athena", "apollo", "artemis", "ares", "hestia",
                "hermes", "dionysus", "hades", "eos", "helios", "selene", "nike", "pan", "rhea",
            ],
            HostnameTheme::WildCats => &[
                "lion", "tiger", "leopard", "jaguar", "cheetah", "puma", "lynx", "bobcat", "ocelot",
                "margay", "serval", "caracal", "manul", "kodkod",
            ],
        }
    }
}

/// The host name of a new instance of a layer: the first of the theme that nobody has. Names that differ in case
/// alone are the same name (RFC 4343). Where all words are taken, they come again with numbers from 2.
pub fn next_hostname(theme: HostnameTheme, layer: &str, taken: &[&str]) -> String {
    let is_free = |name: &String| !taken.iter().any(|other| other.eq_ignore_ascii_case(name));
    // In a host name no `_` may be, and a label has 63 bytes at the most: room for the number is kept.
    let layer = layer.replace('_', "-");
    let layer = layer.get(..layer.len().min(50)).unwrap_or_default().trim_end_matches('-');
    let own = [layer];
    let (words, first) = match theme.words() {
        [] => (own.as_slice(), 1),
        words => (words, 2),
    };
    let plain = theme.words().iter().map(|word| (*word).to_owned());
    let numbered =
        (first..=usize::MAX).flat_map(|number| words.iter().map(move |word| format!("{word}{number}")));
    plain.chain(numbered).find(is_free).expect("of endlessly many names one is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_counts_its_instances_and_fills_gaps() {
        let next = |taken: &[&str]| next_hostname(HostnameTheme::LayerDependent, "app", taken);
        assert_eq!(next(&[]), "app1");
        assert_eq!(next(&["app1", "lb1"]), "app2");
        assert_eq!(next(&["app1", "APP2", "app4"]), "app3");
    }

    #[test]
    fn a_layers_name_becomes_a_label_of_a_host_name() {
        assert_eq!(next_hostname(HostnameTheme::LayerDependent, "load_balancer", &[]), "load-balancer1");
        let long = next_hostname(HostnameTheme::LayerDependent, &"a".repeat(63), &[]);
        assert!(long.len() <= 63, "{long}");
    }

    #[test]
    fn words_come_in_their_order_and_then_with_numbers() {
        let theme = HostnameTheme::Planets;
        assert_eq!(next_hostname(theme, "app", &[]), "mercury");
        assert_eq!(next_hostname(theme, "app", &["mercury", "earth"]), "venus");
        assert_eq!(next_hostname(theme, "app", theme.words()), "mercury2");
        let mut taken = theme.words().to_vec();
        taken.push("mercury2");
        assert_eq!(next_hostname(theme, "app", &taken), "venus2");
    }

    #[test]
    fn every_word_is_one_host_name_and_comes_once() {
        for theme in HostnameTheme::ALL {
            assert_eq!(HostnameTheme::parse(theme.name()), Some(theme));
            let mut words = theme.words().to_vec();
            assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())), "{words:?}");
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), theme.words().len());
        }
    }
}
