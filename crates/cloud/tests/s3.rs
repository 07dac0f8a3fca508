//! Objects of S3, from a simulated one. Accounts are given here; how they come from the environment is tested with the
//! command itself.
#![cfg(feature = "simulated-aws")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use engine_cloud::Aws;
use engine_scheduler::ports::ObjectStore as _;
use engine_test_aws::{Aws as Simulated, KEY, REGION};

/// An account of Amazon's.
fn account() -> SdkConfig {
    let (key, secret, token) = KEY;
    let credentials = Credentials::new(key, secret, Some(token.to_owned()), None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// The URL of an object, or why there is none.
async fn url(account: SdkConfig, bucket: &str, key: &str) -> String {
    let answer = Aws::from(account).url(bucket, key).await;
    answer.unwrap_or_else(|failure| format!("{failure}; {}", failure.hint.as_deref().unwrap()))
}

#[tokio::test]
async fn an_object_is_fetched_by_a_url_that_amazon_would_take() {
    let aws = Simulated::start();
    aws.make_bucket("releases");
    aws.put_object("releases", "shop/one%20two%2B%C3%A4.tar.gz", b"content");
    let account = account().into_builder().endpoint_url(aws.url()).build();
    let url = url(account, "releases", "shop/one two+ä.tar.gz").await;
    assert_eq!(ureq::get(&url).call().unwrap().into_body().read_to_string().unwrap(), "content");
    Simulated::verify(&url);
    let changed = url.replacen("one", "two", 1);
    assert!(std::panic::catch_unwind(|| Simulated::verify(&changed)).is_err());
}

#[tokio::test]
async fn without_a_server_of_ones_own_it_is_that_of_the_region() {
    let plain = url(account(), "releases", "shop.zip").await;
    assert!(plain.starts_with("https://releases.s3.eu-central-1.amazonaws.com/shop.zip?"), "{plain}");
    Simulated::verify(&plain);
    let dotted = url(account(), "releases.example.org", "shop.zip").await;
    let place = "https://s3.eu-central-1.amazonaws.com/releases.example.org/shop.zip?";
    assert!(dotted.starts_with(place), "{dotted}");
    let china = account().into_builder().region(Region::new("cn-north-1")).build();
    let china = url(china, "releases", "shop.zip").await;
    assert!(china.starts_with("https://releases.s3.cn-north-1.amazonaws.com.cn/"), "{china}");
}

#[tokio::test]
async fn what_is_missing_is_told_with_what_to_do() {
    let region = Region::new(REGION);
    let nobody = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(region).build();
    let nobody = url(nobody, "releases", "shop.zip").await;
    assert!(nobody.contains("no credentials for AWS") && nobody.contains("AWS_PROFILE"), "{nobody}");
    let nowhere = account().into_builder().region(None::<Region>).build();
    let nowhere = url(nowhere, "releases", "shop.zip").await;
    assert!(nowhere.contains("no region of AWS") && nowhere.contains("AWS_REGION"), "{nowhere}");
}
