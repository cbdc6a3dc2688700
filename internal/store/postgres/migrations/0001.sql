-- Records. A row whose expiry has passed counts as absent and is deleted later.
create table records (
	key bytea primary key,
	value bytea not null,
	expires_at timestamptz
);
create index records_expires_at on records (expires_at) where expires_at is not null;

-- What belongs to the store as a whole. Only housekeeping changes this row.
create table store (
	one boolean primary key default true check (one),
	-- id is random and made with the schema: another one is another store.
	id text not null,
	-- chain and keyed name the chain of the audit trail.
	chain text not null,
	keyed boolean not null,
	-- receipts_from and events_from are the first that were not deleted.
	receipts_from bigint not null default 0,
	events_from bigint not null default 0
);

-- Each commit leaves a receipt with its number. The last one is the state that the
-- next commit starts from, and no two can have one number, which orders all
-- commits. A receipt without a number was inserted by a replica that asked after
-- the commit of that mark, and keeps it from happening.
create table receipts (
	-- mark is the random name of the commit.
	mark uuid primary key,
	commit bigint,
	-- seq and hash are the end of the audit trail.
	seq bigint,
	hash bytea,
	-- trail_at is the time of the last line of the trail, and trail_ends the end of
	-- the partition that holds it.
	trail_at timestamptz,
	trail_ends timestamptz,
	-- event counts events. event_mark is the mark of the commit of the last one.
	event bigint,
	event_mark uuid,
	made_at timestamptz not null default clock_timestamp(),
	asked_at timestamptz
);
create unique index receipts_commit on receipts (commit);

-- The audit trail. at is the time of the commit by the clock of the server. It never
-- goes back while seq grows, so each partition holds lines that follow each other.
-- Each partition has a primary key of its own, on seq: one of this table would have to
-- include at. No two partitions hold the same seq, since a commit takes the numbers
-- behind those of the receipt before it.
create table trail (
	seq bigint not null,
	at timestamptz not null,
	line text not null
) partition by range (at);

-- The partitions of the trail. They do not overlap.
create table trail_partitions (
	-- name is that of the table.
	name text primary key,
	starts timestamptz not null unique,
	ends timestamptz not null check (ends > starts),
	-- first is the number of the first line, null where there is none yet.
	first bigint unique
);

create table events (
	id bigint primary key,
	topic text not null,
	mark uuid not null,
	data bytea not null,
	made_at timestamptz not null default clock_timestamp()
);
create index events_topic on events (topic, id);

-- How far lines of the trail were written to the stream of that name.
create table streams (
	name text primary key,
	seq bigint not null
);
