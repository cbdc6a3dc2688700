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
	-- trail_size is how many lines one partition of the trail holds.
	trail_size bigint not null,
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
	-- event counts events. event_mark is the mark of the commit of the last one.
	event bigint,
	event_mark uuid,
	made_at timestamptz not null default clock_timestamp(),
	asked_at timestamptz
);
create unique index receipts_commit on receipts (commit);

create table trail (
	seq bigint primary key,
	at timestamptz not null,
	line text not null
) partition by range (seq);

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
