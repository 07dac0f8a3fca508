//! Asking instances what they are.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use engine_model::{Connection, Instance, Layer, Name, Stack};
use engine_protocol::{Facts, FromAgent, ToAgent};
use engine_scheduler::{
    FactsRequest, Found, StopSignal,
    facts::find,
    ports::{AgentReceiver, AgentSender, ConnectFailure, Connector, PortFuture, Session, SessionFailure},
};

/// Hosts that are there, but for one named `away`; the later ones answer first.
#[derive(Default)]
struct Hosts {
    connecting: AtomicUsize,
    most: AtomicUsize,
    connected: AtomicUsize,
}

/// Nobody says a word to the agents.
struct Mute;

impl AgentSender for Mute {
    fn send(&mut self, message: ToAgent) -> PortFuture<'_, Result<(), SessionFailure>> {
        panic!("{message:?}")
    }
}

impl AgentReceiver for Mute {
    fn receive(&mut self) -> PortFuture<'_, Result<FromAgent, SessionFailure>> {
        panic!("nothing is to be heard after the hello")
    }
}

impl Connector for Hosts {
    fn connect<'a>(&'a self, instance: &'a Instance) -> PortFuture<'a, Result<Session, ConnectFailure>> {
        Box::pin(async move {
            let now = self.connecting.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            for _ in instance.name.as_str().len()..40 {
                tokio::task::yield_now().await;
            }
            self.connecting.fetch_sub(1, Ordering::SeqCst);
            if instance.name.as_str() == "away" {
                let (message, hint) = ("no route".to_owned(), Some("look".to_owned()));
                return Err(ConnectFailure { message, hint, unreachable: true });
            }
            self.connected.fetch_add(1, Ordering::SeqCst);
            let facts = Facts { hostname: instance.name.to_string(), ..Facts::default() };
            let (sender, receiver) = (Box::new(Mute), Box::new(Mute));
            Ok(Session { facts: Box::new(facts), uploaded: false, sender, receiver })
        })
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn stack() -> Stack {
    let layer = |text: &str| Layer::new(name(text));
    let instance = |text: &str, layers: &[&str]| Instance {
        name: name(text),
        layers: layers.iter().map(|layer| name(layer)).collect(),
        connection: Connection::Local,
        address: text.to_owned(),
        hostname: text.to_owned(),
        registered: false,
    };
    Stack {
        update_on_setup: false,
        layers: ["web", "db"].map(layer).to_vec(),
        instances: vec![
            instance("a", &["web"]),
            instance("away", &["web", "db"]),
            instance("longest", &["db"]),
            instance("spare", &[]),
        ],
        ..Stack::new(name("demo"))
    }
}

fn ask(
    hosts: &Arc<Hosts>,
    layers: &[&str],
    instances: &[&str],
    stop: StopSignal,
) -> Result<Vec<Found>, String> {
    let names = |names: &[&str]| names.iter().map(|text| name(text)).collect();
    let request = FactsRequest { layers: names(layers), instances: names(instances), parallel: 2 };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(find(&stack(), &request, Arc::clone(hosts) as Arc<dyn Connector>, stop))
        .map_err(|error| error.to_string())
}

fn said(found: &[Found]) -> Vec<String> {
    let one = |found: &Found| match &found.facts {
        Ok(facts) => format!("{} is {}", found.instance, facts.hostname),
        Err(error) => format!("{}: {error}", found.instance),
    };
    found.iter().map(one).collect()
}

#[test]
fn all_are_asked_a_few_at_a_time_and_told_in_order() {
    let hosts = Arc::new(Hosts::default());
    let found = ask(&hosts, &[], &[], StopSignal::default()).unwrap();
    assert_eq!(said(&found), ["a is a", "away: no route", "longest is longest", "spare is spare"]);
    assert_eq!(hosts.most.load(Ordering::SeqCst), 2);
}

#[test]
fn layers_and_instances_select() {
    let hosts = Arc::new(Hosts::default());
    let ask = |layers: &[&str], instances: &[&str]| {
        ask(&hosts, layers, instances, StopSignal::default()).map(|found| said(&found))
    };
    assert_eq!(ask(&["db"], &[]).unwrap(), ["away: no route", "longest is longest"]);
    assert_eq!(ask(&["db"], &["longest", "a"]).unwrap(), ["longest is longest"]);
    assert_eq!(
        ask(&[], &["nobody"]).unwrap_err(),
        "stack `demo` has no instance `nobody`; its instances are `a`, `away`, `longest`, `spare`"
    );
    assert_eq!(
        ask(&["app"], &[]).unwrap_err(),
        "stack `demo` has no layer `app`; its layers are `web`, `db`"
    );
    assert_eq!(ask(&["web"], &["spare"]).unwrap_err(), "no instance of stack `demo` is selected");
}

#[test]
fn who_wants_no_more_connects_to_nobody() {
    let (hosts, stop) = (Arc::new(Hosts::default()), StopSignal::default());
    stop.set();
    let found = ask(&hosts, &[], &["a", "longest"], stop).unwrap();
    assert_eq!(
        said(&found),
        ["a: stopped before it was connected to", "longest: stopped before it was connected to"]
    );
    assert_eq!(hosts.connected.load(Ordering::SeqCst), 0);
}
