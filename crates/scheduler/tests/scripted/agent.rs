//! Hosts, and agents that remember what they have done.

use std::sync::Arc;

use engine_model::Instance;
use engine_protocol::{
    Action, Collection, Earlier, FromAgent, Outcome, Status, ToAgent,
    message::{End, Place},
};
use engine_scheduler::{
    StopSignal,
    ports::{AgentReceiver, AgentSender, ConnectFailure, Connector, PortFuture, Session, SessionFailure},
};
use tokio::sync::mpsc;

use super::{Host, Port, World};

impl Connector for Port {
    fn connect<'a>(&'a self, instance: &'a Instance) -> PortFuture<'a, Result<Session, ConnectFailure>> {
        let host = self.0.hosts.lock().unwrap()[instance.name.as_str()];
        let failure = |message: &str, unreachable| {
            Err(ConnectFailure { message: message.to_owned(), hint: None, unreachable })
        };
        let session = match host {
            Host::Away => failure("no route", true),
            Host::LocksOut if !self.0.batches.lock().unwrap().is_empty() => failure("login refused", false),
            Host::Refuses => failure("the host key has changed", false),
            _ => {
                let (said, heard) = mpsc::unbounded_channel();
                let facts = self.0.facts(instance.name.as_str());
                let agent = Agent {
                    world: Arc::clone(&self.0),
                    stop: self.1.clone(),
                    said,
                    host,
                    instance: instance.name.to_string(),
                    place: None,
                };
                Ok(Session {
                    facts,
                    uploaded: false,
                    sender: Box::new(agent),
                    receiver: Box::new(Ear(Arc::clone(&self.0), heard)),
                })
            }
        };
        Box::pin(async move {
            self.0.fuse.burn().await;
            session
        })
    }
}

struct Agent {
    world: Arc<World>,
    stop: StopSignal,
    said: mpsc::UnboundedSender<FromAgent>,
    host: Host,
    instance: String,
    place: Option<Place>,
}

struct Ear(Arc<World>, mpsc::UnboundedReceiver<FromAgent>);

impl Agent {
    /// Does what is not marked as done, and marks it.
    fn apply(&self, batch: &Collection) {
        self.world.batches.lock().unwrap().push(self.instance.clone());
        for resource in &batch.resources {
            let place = self.place.clone().unwrap_or(Place { key: [0; 32], step: String::new() });
            let Place { key, step } = place;
            let mark = (self.instance.clone(), key, step.clone(), resource.name.clone());
            if self.world.marks.lock().unwrap().insert(mark) || self.place.is_none() {
                let effect = (self.instance.clone(), step, resource.name.clone());
                *self.world.effects.lock().unwrap().entry(effect).or_default() += 1;
            }
        }
    }

    fn hang_up(&mut self) {
        self.said = mpsc::unbounded_channel().0;
    }

    fn answer(&mut self, message: ToAgent) -> Option<FromAgent> {
        let applied = |end| Some(FromAgent::Applied { end, facts: self.world.facts(&self.instance) });
        match (message, self.host) {
            (ToAgent::Begin { place, .. }, _) => {
                self.place = place;
                None
            }
            (ToAgent::Finish, Host::Reboots) if *self.world.boots.lock().unwrap() == 0 => {
                let reboot = Some("new kernel".to_owned());
                Some(FromAgent::Finished { end: End::Complete, reboot, hidden: Vec::new() })
            }
            (ToAgent::Reboot, _) => {
                let _ = self.said.send(FromAgent::Rebooting);
                self.hang_up();
                *self.world.boots.lock().unwrap() += 1;
                None
            }
            (ToAgent::Apply(_), Host::Breaks) => {
                self.hang_up();
                None
            }
            (ToAgent::Apply(batch), Host::BreaksOnce) if *self.world.broken.lock().unwrap() == 0 => {
                *self.world.broken.lock().unwrap() += 1;
                self.apply(&batch);
                self.hang_up();
                None
            }
            (ToAgent::Apply(_), Host::WorksOn) => None,
            (ToAgent::Stop, Host::WorksOn) => applied(End::Stopped { remaining: 0 }),
            (ToAgent::Apply(batch), Host::Unwell) if batch.resources[0].origin.recipe == "health" => {
                let resource = batch.resources[0].id;
                let _ = self.said.send(FromAgent::Outcome(Outcome {
                    resource,
                    action: Action::Wait,
                    status: Status::Failed { error: "nobody listens".to_owned(), ignored: false },
                    changes: Vec::new(),
                    notified_by: None,
                    duration_us: 0,
                    earlier: Earlier::default(),
                }));
                applied(End::Failed { resource })
            }
            (ToAgent::Apply(batch), Host::Fails) => {
                self.apply(&batch);
                applied(End::Failed { resource: batch.resources[0].id })
            }
            (ToAgent::Apply(batch), Host::StopsInResource) => {
                self.apply(&batch);
                self.stop.set();
                applied(End::Stopped { remaining: 1 })
            }
            (ToAgent::Confirm { id }, host) => {
                assert_eq!(id, "the change");
                Some(FromAgent::Confirmed { stays: host != Host::Impatient })
            }
            (
                ToAgent::Apply(batch),
                Host::MustConfirm | Host::LocksOut | Host::LocksOutAtOnce | Host::Impatient,
            ) => {
                self.apply(&batch);
                let _ = self.said.send(FromAgent::Unconfirmed { id: "the change".to_owned(), seconds: 60 });
                if self.host == Host::LocksOutAtOnce {
                    self.hang_up();
                    return None;
                }
                applied(End::Complete)
            }
            (ToAgent::Apply(batch), _) => {
                self.apply(&batch);
                applied(End::Complete)
            }
            (ToAgent::Finish, _) => {
                Some(FromAgent::Finished { end: End::Complete, reboot: None, hidden: Vec::new() })
            }
            _ => None,
        }
    }
}

impl AgentSender for Agent {
    fn send(&mut self, message: ToAgent) -> PortFuture<'_, Result<(), SessionFailure>> {
        Box::pin(async move {
            self.world.fuse.burn().await;
            if let Some(answer) = self.answer(message) {
                let _ = self.said.send(answer);
            }
            Ok(())
        })
    }
}

impl AgentReceiver for Ear {
    fn receive(&mut self) -> PortFuture<'_, Result<FromAgent, SessionFailure>> {
        Box::pin(async {
            let message = self.1.recv().await;
            self.0.fuse.burn().await;
            message.ok_or_else(|| SessionFailure { message: "the line is cut".to_owned() })
        })
    }
}
