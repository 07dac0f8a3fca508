//! The provider of files from URLs.
//!
//! With a checksum, the file on the node says alone whether anything is to be done. Without one the server is asked
//! each time, in plans too: whether it has something else than what it gave before, and if it cannot say so, for all
//! of it, which is compared by its digest.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use engine_protocol::{Action, Mode, Resource, resource::RemoteFileSpec};
use sha2::{Digest, Sha256};

use super::{DownloadError, known::Known};
use crate::{
    files::{
        FileError, attributes, backup,
        body::Body,
        content::{self, Wanted},
        file,
        state::{State, look, parent, wrong_kind},
        verify,
        write::Draft,
    },
    network::{
        http::{self, Request, Response, Shown},
        patience::Patience,
    },
    overlay::Prediction,
    provider::{Check, Context, Error, done, property, unsupported},
};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// How often a long download says how far it is.
const TELL: Duration = Duration::from_secs(10);

/// Checks a file from a URL.
pub fn check<'r>(
    resource: &'r Resource,
    spec: &'r RemoteFileSpec,
    action: Action,
    context: &mut Context<'_>,
) -> Result<Check<'r>, Error> {
    let state = look(context, &spec.path)?;
    match (action, &state) {
        (Action::Delete, _) => file::check_delete(&spec.path, spec.backup, state),
        (Action::Create | Action::CreateIfMissing | Action::Touch, _) => match &state {
            State::NoParent(_) if context.opaque().is_some() => {
                Ok(Check::Unknown(context.opaque().unwrap_or_default()))
            }
            State::File { .. } if action == Action::CreateIfMissing => Ok(Check::UpToDate),
            State::Absent | State::File { .. } => {
                let wanted = Download { resource, spec, touch: action == Action::Touch };
                wanted.check(state, context)
            }
            _ => Err(wrong_kind(&spec.path, &state, "file").into()),
        },
        _ => Err(unsupported(resource, action)),
    }
}

/// Where new content is, as far as it has come.
enum Source {
    /// Not asked for yet.
    Later,
    /// The server has begun to give it.
    Asked(Box<Response>),
    /// It is complete.
    Written(Draft, Known),
}

/// What is at the path, compared with what the URL gives.
enum Content {
    Same,
    New {
        source: Source,
        sha256: Option<String>,
    },
    /// What comes before decides; plan mode only.
    Unknown(String),
}

struct Download<'r> {
    resource: &'r Resource,
    spec: &'r RemoteFileSpec,
    touch: bool,
}

impl<'r> Download<'r> {
    fn check(self, state: State, context: &mut Context<'_>) -> Result<Check<'r>, Error> {
        let spec = self.spec;
        let (source, sha256) = match self.compare(&state, context)? {
            Content::Same => {
                let wanted = Wanted {
                    path: &spec.path,
                    content: None,
                    access: Cow::Borrowed(&spec.access),
                    verify: &spec.verify,
                    backup: spec.backup,
                    touch: self.touch,
                };
                return content::check(wanted, &state, context);
            }
            Content::Unknown(because) => return Ok(Check::Unknown(because)),
            Content::New { source, sha256 } => (source, sha256),
        };
        let (present, replaced) = match state {
            State::File { attributes, body, .. } => (Some(attributes), Some(body)),
            _ => (None, None),
        };
        let default_mode = context.default_mode(0o666);
        let attributes =
            attributes::wanted(context, &spec.path, &spec.access, present.as_ref(), default_mode)?;
        let mut changes = Vec::new();
        if replaced.is_none() {
            changes.push(done("created"));
        }
        if sha256.is_some() {
            let old = replaced.as_ref().map(|body| body.sha256(&spec.path)).transpose()?;
            changes.push(property("checksum", old.as_deref().map(shorten), sha256.as_deref().map(shorten)));
        }
        changes.extend(attributes::compare(context, &spec.access, present.as_ref(), &attributes));
        if self.touch && replaced.is_some() {
            changes.push(done("touched"));
        }
        let body = Body::Unforeseen(self.resource.to_string().into());
        let predicted = State::File { attributes: attributes.clone(), body, links: 1 };
        let predictions = vec![Prediction::Path(spec.path.clone(), predicted)];
        Ok(Check::differs(changes, predictions, move |context| {
            self.apply(source, &attributes, replaced.as_ref(), context)?;
            Ok(Vec::new())
        }))
    }

    fn compare(&self, state: &State, context: &mut Context<'_>) -> Result<Content, Error> {
        let path = &self.spec.path;
        let on_disk = match state {
            State::File { body, .. } => Some(body.sha256(path)?),
            _ => None,
        };
        if let Some(checksum) = &self.spec.checksum {
            let same = on_disk.as_ref() == Some(checksum);
            let new = Content::New { source: Source::Later, sha256: Some(checksum.clone()) };
            return Ok(if same { Content::Same } else { new });
        }
        let first_change = match context.mode {
            Mode::Plan => context.overlay.first_change().map(ToOwned::to_owned),
            Mode::Apply => None,
        };
        // What this node itself serves may be different once something changed.
        if let Some(because) = first_change.clone().filter(|_| is_local(&self.spec.source)) {
            return Ok(Content::Unknown(because));
        }
        match (self.ask_for_new(on_disk, context), first_change) {
            (Err(Error::Download(_)), Some(because)) => Ok(Content::Unknown(because)),
            (compared, _) => compared,
        }
    }

    /// Asks the server, if there is no checksum.
    fn ask_for_new(&self, on_disk: Option<String>, context: &mut Context<'_>) -> Result<Content, Error> {
        let patience = Patience::of(context);
        let Some(on_disk) = on_disk else {
            let source = Source::Asked(Box::new(self.ask(&[], patience)?));
            return Ok(Content::New { source, sha256: None });
        };
        let state_dir = context.node.settings.state_dir.clone();
        let known = Known::read(&state_dir, self.spec).filter(|known| known.sha256 == on_disk);
        let conditions = known.as_ref().map(Known::conditions).unwrap_or_default();
        let mut response = self.ask(&conditions, patience)?;
        if response.status == NOT_MODIFIED {
            return Ok(Content::Same);
        }
        let (sha256, draft) = match context.mode {
            Mode::Plan => (self.receive(&mut response, context, |_| Ok(()))?, None),
            Mode::Apply => {
                let (draft, sha256) = self.write(&mut response, context)?;
                (sha256, Some(draft))
            }
        };
        let now = Known::of(&response, sha256.clone());
        if sha256 == on_disk {
            // So that it can say so by itself the next time.
            if draft.is_some() && known.as_ref() != Some(&now) && !now.conditions().is_empty() {
                now.keep(&state_dir, self.spec);
            }
            return Ok(Content::Same);
        }
        let source = draft.map_or(Source::Later, |draft| Source::Written(draft, now));
        Ok(Content::New { source, sha256: Some(sha256) })
    }

    /// Asks for the content, or for what is new.
    fn ask(&self, conditions: &[(&'static str, String)], patience: Patience<'_>) -> Result<Response, Error> {
        let RemoteFileSpec { source: url, headers, .. } = self.spec;
        let response = http::get(&Request { url, headers, conditions, follow: true }, patience)?;
        match response.status {
            200 => Ok(response),
            NOT_MODIFIED if !conditions.is_empty() => Ok(response),
            status => {
                let hint = match status {
                    401 | 403 => "; `headers` can say who asks",
                    _ => "",
                };
                Err(DownloadError::Status { url: response.url, status, hint }.into())
            }
        }
    }

    /// Reads all of it, and says its digest.
    fn receive(
        &self,
        response: &mut Response,
        context: &mut Context<'_>,
        mut take: impl FnMut(&[u8]) -> Result<(), FileError>,
    ) -> Result<String, Error> {
        let patience = Patience::of(context);
        let all = response.header("content-length").and_then(|length| length.parse().ok());
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
        let (mut told, mut length) = (Instant::now(), 0);
        loop {
            let count = response.body.read(&mut chunk, patience)?;
            if count == 0 {
                return Ok(HEXLOWER.encode(&hash.finalize()));
            }
            hash.update(&chunk[..count]);
            take(&chunk[..count])?;
            length += count as u64;
            if told.elapsed() > TELL {
                told = Instant::now();
                context.waiting(self.resource, progress(length, all));
            }
        }
    }

    /// Writes all of it beside the file that it is for.
    fn write(&self, response: &mut Response, context: &mut Context<'_>) -> Result<(Draft, String), Error> {
        let path = &self.spec.path;
        let directory =
            parent(context, path)?.map_err(|missing| FileError::NoParent { path: path.clone(), missing })?;
        let mut draft = Draft::new(&directory, path)?;
        let sha256 = self.receive(response, context, |bytes| draft.add(bytes))?;
        Ok((draft, sha256))
    }

    fn apply(
        &self,
        source: Source,
        attributes: &attributes::Attributes,
        replaced: Option<&Body>,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let RemoteFileSpec { path, verify, .. } = self.spec;
        let asked = match source {
            Source::Written(draft, known) => Ok((draft, known)),
            Source::Asked(response) => Err(*response),
            Source::Later => Err(self.ask(&[], Patience::of(context))?),
        };
        let (mut draft, known) = match asked {
            Ok(written) => written,
            Err(mut response) => {
                let (draft, sha256) = self.write(&mut response, context)?;
                (draft, Known::of(&response, sha256))
            }
        };
        if let Some(expected) = self.spec.checksum.clone().filter(|expected| *expected != known.sha256) {
            let (url, found) = (Shown::text(&self.spec.source), known.sha256);
            return Err(DownloadError::Checksum { url, expected, found }.into());
        }
        verify::format(verify, path, &draft.body()?)?;
        draft.complete(attributes)?;
        verify::command(verify, path, &draft)?;
        let state_dir = &context.node.settings.state_dir;
        if let Some(replaced) = replaced {
            backup::keep(state_dir, path, replaced, self.spec.backup)?;
        }
        draft.place()?;
        if self.spec.checksum.is_none() && !known.conditions().is_empty() {
            known.keep(state_dir, self.spec);
        }
        Ok(())
    }
}

/// The status that says that nothing is new.
const NOT_MODIFIED: u16 = 304;

/// Whether a URL names the node itself.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ["localhost/", "localhost:", "127.", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// The beginning of a digest, which is enough to tell one from another.
fn shorten(sha256: &str) -> String {
    format!("{}…", &sha256[..sha256.len().min(12)])
}

fn progress(length: u64, all: Option<u64>) -> String {
    let mebibytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
    match all {
        Some(all) => format!("downloading, {} of {} MiB so far", mebibytes(length), mebibytes(all)),
        None => format!("downloading, {} MiB so far", mebibytes(length)),
    }
}
