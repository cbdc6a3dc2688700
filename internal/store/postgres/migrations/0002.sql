-- The index of the audit trail. It is made from the trail and can be made again.

-- Up to which line the trail is indexed. Who changes the index locks this row.
create table trail_index (
	one boolean primary key default true check (one),
	seq bigint not null
);
insert into trail_index (seq) values (0);

-- One row a change: the numbers of its intent and of its outcome, null while it is
-- open. An outcome without an intent stands in both places.
create table changes (
	intent bigint primary key,
	outcome bigint,
	id text not null
);
create index changes_open on changes (id) where outcome is null;

-- What changes are found by: a digest of a name or an identifier. position is the
-- intent, or the outcome where the outcome alone has the key.
create table change_keys (
	key bigint not null,
	position bigint not null,
	intent bigint not null,
	primary key (key, position)
);
-- Rows come in the order of their positions, and go in it with an archived partition.
create index change_keys_position on change_keys using brin (position);
