//! The databases that tests use have the properties that the tests rely on.

use support::postgres::{Cluster, behind_pgbouncer, fresh_database, fresh_database_behind_pgbouncer, psql, try_psql};

#[test]
fn a_fresh_database_is_empty_and_nobody_elses() {
    let urls = [fresh_database(), fresh_database(), fresh_database_behind_pgbouncer()];
    for url in &urls {
        assert_eq!(psql(url, "select count(*) from pg_tables where schemaname = 'public'"), "0");
        psql(url, "create table mine (id int)");
    }
    let version = psql(&urls[0], "show server_version_num");
    assert!(version.parse::<u32>().unwrap() >= 140_000, "{version}");
}

/// Like many hosted poolers: transactions share few connections, and start-up parameters are rejected.
#[test]
fn the_pooler_is_in_transaction_mode_and_strict() {
    let config = psql(&behind_pgbouncer("pgbouncer"), "show config");
    for expected in ["pool_mode|transaction|", "default_pool_size|2|", "ignore_startup_parameters||"] {
        assert!(config.lines().any(|line| line.starts_with(expected)), "{expected}: {config}");
    }
    let url = fresh_database_behind_pgbouncer();
    let url = url.strip_suffix("?pgbouncer=true").unwrap();
    let refusal = try_psql(&format!("{url}?options=-cstatement_timeout%3D1000"), "select 1").unwrap_err();
    assert!(refusal.contains("unsupported startup parameter"), "{refusal}");
}

#[test]
fn a_cluster_that_was_killed_or_restarted_has_what_was_committed() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    assert_eq!(psql(&url, "show fsync"), "on");
    psql(&url, "create table kept (id int); insert into kept values (1)");

    cluster.kill();
    assert!(try_psql(&url, "select 1").unwrap_err().contains("refused"));
    cluster.start_again();
    psql(&url, "insert into kept values (2)");

    cluster.restart();
    assert_eq!(psql(&url, "select id from kept order by id"), "1\n2");
    assert_eq!(cluster.url(), url);
}

/// Even a busy server ends at once, and can be started again.
#[test]
fn a_killed_cluster_leaves_no_process() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    let busy = "create table rows (id int); insert into rows select * from generate_series(1, 1000000000)";
    let client = std::thread::spawn({
        let url = url.clone();
        move || try_psql(&url, busy)
    });
    let running = "select count(*) from pg_stat_activity where state = 'active' and query like '%generate_series%' and pid <> pg_backend_pid()";
    while psql(&url, running) == "0" {}
    cluster.kill();
    cluster.start_again();
    assert!(client.join().unwrap().is_err());
    assert_eq!(psql(&url, "select to_regclass('rows')"), "");
}
