//! What must happen in Redis in one step, in its Lua. Each touches the keys of one session, which are in one slot, or one key.
//!
//! They are sent as text: a few hundred bytes, where writes are rare.

/// Keeps a new record. KEYS: record. ARGV: sealed, created, used, life in ms.
pub(super) const BEGIN: &str = "\
redis.call('HSET', KEYS[1], 'd', ARGV[1], 'c', ARGV[2], 'u', ARGV[3], 'n', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'kept'";

/// Takes the turn to refresh. KEYS: record, lock. ARGV: who asks, how long in ms.
pub(super) const TURN: &str = "\
if redis.call('EXISTS', KEYS[1]) == 0 then return {'gone', 0, ''} end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
  and redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'theirs', 0, ''} end
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
return {'mine', n, redis.call('HGET', KEYS[1], 'd')}";

/// Writes a record that is as it was found, but for touches. KEYS: record, lock. ARGV: fence, sealed, used, life in ms,
/// whose turn it is or nothing.
///
/// What a turn brought moves the fence on, so that a touch that was under way does not write older tokens over it. That
/// very record may have been written by the same command already, whose answer was lost.
pub(super) const WRITE: &str = "\
local n = redis.call('HGET', KEYS[1], 'n')
if not n then return 'gone' end
if redis.call('HGET', KEYS[1], 'd') == ARGV[2] then return 'kept' end
if n ~= ARGV[1] then return 'outrun' end
redis.call('HSET', KEYS[1], 'd', ARGV[2], 'u', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HINCRBY', KEYS[1], 'n', 1)
  if redis.call('GET', KEYS[2]) == ARGV[5] then redis.call('DEL', KEYS[2]) end
end
return 'kept'";

/// Ends a turn. KEYS: lock. ARGV: whose it is.
pub(super) const GIVE_UP: &str = "\
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'kept'";

/// Notes a session of a user, and forgets those that are over. KEYS: index. ARGV: session, its end, now, life in ms.
pub(super) const NOTE: &str = "\
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 'kept'";

/// Takes the turn to refresh a session that lives in a cookie. KEYS: result, lock. ARGV: who asks, how long in ms, least
/// life of the result's key in ms.
pub(super) const SHARED_TURN: &str = "\
if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return {'gone', 0, ''} end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
  and redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'theirs', 0, ''} end
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {'mine', n, redis.call('HGET', KEYS[1], 'd') or ''}";

/// Keeps what a refresh gave. KEYS: result, lock. ARGV: fence, sealed, which it is, life in ms, whose turn it is.
///
/// A fence that is not there was forgotten, not overtaken: the result counts. See [`WRITE`].
pub(super) const SHARED_WRITE: &str = "\
if redis.call('HEXISTS', KEYS[1], 'x') == 1 then return 'gone' end
if redis.call('HGET', KEYS[1], 'd') == ARGV[2] then return 'kept' end
local n = redis.call('HGET', KEYS[1], 'n')
if n and n ~= ARGV[1] then return 'outrun' end
redis.call('HSET', KEYS[1], 'd', ARGV[2], 'm', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if redis.call('GET', KEYS[2]) == ARGV[5] then redis.call('DEL', KEYS[2]) end
return 'kept'";

/// Shortens the life of a result, where it is this one. KEYS: result. ARGV: which it is, life in ms.
pub(super) const CARRIED: &str = "\
if redis.call('HGET', KEYS[1], 'm') == ARGV[1] and redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 'kept'";

/// Puts a tombstone in the place of a result, which it returns. KEYS: result. ARGV: life in ms.
pub(super) const END_SHARED: &str = "\
local d = redis.call('HGET', KEYS[1], 'd') or ''
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'x', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return d";

/// Tells of a sign-out. KEYS: set. ARGV: now, member, what is older goes, life in ms.
pub(super) const TELL: &str = "\
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'kept'";
