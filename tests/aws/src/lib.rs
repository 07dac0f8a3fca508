//! An AWS of a test's own: moto, a simulation of its interfaces that others wrote. It does not check signatures, so
//! [`Aws::verify`] has those of botocore compared, on which Amazon's command line stands.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// The region in which everything is.
pub const REGION: &str = "eu-central-1";

/// The key of whoever asks, as it would be issued for a session.
pub const KEY: (&str, &str, &str) = ("ASIAEXAMPLE", "a/secret+key", "a+session/token==");

/// Signs a URL again as botocore would have at the time that it names, and compares.
const VERIFY: &str = r#"
import datetime, sys, urllib.parse
import botocore.auth, botocore.awsrequest, botocore.credentials
url, region, key, secret, token = sys.argv[1:]
place, _, query = url.partition("?")
query = dict(urllib.parse.parse_qsl(query))
time = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
class Then(datetime.datetime):
    utcnow = classmethod(lambda cls: time.replace(tzinfo=None))
    now = classmethod(lambda cls, zone=None: time)
botocore.auth.get_current_datetime = lambda remove_tzinfo=True: time.replace(tzinfo=None) if remove_tzinfo else time
botocore.auth.datetime = type("Module", (), {"datetime": Then})
request = botocore.awsrequest.AWSRequest("GET", place)
credentials = botocore.credentials.Credentials(key, secret, token)
auth = botocore.auth.S3SigV4QueryAuth(credentials, "s3", region, expires=int(query["X-Amz-Expires"]))
auth.add_auth(request)
expected = dict(urllib.parse.parse_qsl(request.url.partition("?")[2]))
assert expected == query, f"\n{expected}\n{query}"
"#;

/// A server, gone when this is dropped.
pub struct Aws {
    process: Child,
    url: String,
}

impl Aws {
    /// Starts one, at a port of this machine, with nothing in it.
    pub fn start() -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program("moto_server")).args(["--port", "0"]);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("Running on ")).expect("moto says where it listens");
        let url = line.split("Running on ").nth(1).unwrap().trim().to_owned();
        // Else it would wait for somebody to read what it has to say.
        std::thread::spawn(move || lines.for_each(drop));
        Aws { process, url }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the environment of a program has to be that shall take this for AWS.
    pub fn environment(&self) -> Vec<(String, String)> {
        let (key, secret, token) = KEY;
        [
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", token),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Makes a bucket of S3.
    pub fn make_bucket(&self, bucket: &str) {
        ureq::put(format!("{}/{bucket}", self.url)).send_empty().unwrap();
    }

    /// Puts an object into a bucket of S3. The key is as it stands in a URL.
    pub fn put_object(&self, bucket: &str, key: &str, content: &[u8]) {
        let url = format!("{}/{bucket}/{key}", self.url);
        ureq::put(url).content_type("application/octet-stream").send(content).unwrap();
    }

    /// Whether a signed URL of S3 is the one that botocore makes of the same; panics with both if not.
    pub fn verify(url: &str) {
        let (key, secret, token) = KEY;
        let mut python = Command::new(program("python"));
        let output = python.args(["-c", VERIFY, url, REGION, key, secret, token]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let id = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        self.process.wait().unwrap();
    }
}

/// Where `scripts/setup --tests` puts moto.
fn program(name: &str) -> PathBuf {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/share")));
    let path = data.unwrap_or_default().join("engine/moto/bin").join(name);
    assert!(path.exists(), "there is no {}; `scripts/setup --tests` installs it", path.display());
    path
}
