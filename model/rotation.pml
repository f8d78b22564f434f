/* The rotation of one credential's refresh token: begin, exchange, commit, publish, conclude, quarantine, as in
 * server/broker/refresher.cc; what is planned and what a landing changes, as in refresh_policy.cc,
 * refresh_book.cc and refresh_book_flights.cc; the store's semantics, as in server/store/transitions.cc.
 * docs/rotation.md explains it, model/check runs it.
 *
 * An atomic block is one step: a transaction of the store, the provider's handling of one request, or what the scheduler
 * does under its mutex. Between any two the process may be killed, be paused, or see time pass. Time is what it has
 * brought about (a window closed, a lease run out, a token nearly spent), so every timing is covered, the silly ones too.
 * With PROMPT the grace of the provider and the replay window outlast a flight and the replay that follows it at once.
 */

#ifndef REPLICAS
#define REPLICAS 1   /* Processes that share the store. */
#endif
#ifndef ROTATES
#define ROTATES 1    /* The provider replaces the refresh token at each use. */
#endif
#ifndef REUSE
#define REUSE 1      /* An old one that comes back revokes the grant. */
#endif
#ifndef GRACE
#define GRACE 0      /* For a while an old one may come back and gets the same answer again. */
#endif
#ifndef KNOWN
#define KNOWN ROTATES  /* It has been seen to rotate before. Otherwise the run starts with a new credential. */
#endif
#ifndef FAULTS
#define FAULTS 2     /* Of network, provider and store together. */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef REPLACEMENTS
#define REPLACEMENTS 1  /* Of the refresh token, by an operator. */
#endif
#ifndef LAPSES
#define LAPSES 1     /* Leases that run out under a holder that lives. */
#endif
#ifndef DUES
#define DUES 2       /* Refreshes that fall due by themselves, or are asked for. */
#endif

#define SOLE (REPLICAS == 1)
#define TOKENS 9     /* 0 is none; enough for every budget above. */
#define BIT(n) (1 << (n))

mtype = { FREE, CURRENT, CONSUMED };                        /* A refresh token, at the provider. */
mtype = { GRANTED, UNSPENT, DEAD, IN_DOUBT, MALFORMED,      /* ExchangeOutcome */
          HELD, MOVED, STORE, REFRESHED, UNPERSISTED, FAILED };  /* BeginOutcome, RefreshResult */
mtype = { OK, LOST_WRITE, LOST_WORD };  /* A store's call: done; failed; done, and reported failed. */
mtype = { NOTHING, ROTATION, EVIDENCE };

/* ---- the provider */
mtype status[TOKENS] = FREE;
byte child[TOKENS];
bool grace[TOKENS];
byte grant_of[TOKENS];
bool revoked[3];         /* By grant: the first one, and the operator's. */
byte issued = 1;

/* ---- the store: all of it durable */
typedef Record { byte refresh_token; byte serial; byte generation; byte reserved; bool rotates; bool dead; bool token;
                 byte attempt; byte holder; bool lapsed; bool doubt; byte committed_attempt };
Record record;
byte attempts;           /* Ids handed out. */

/* ---- a process's memory: RefreshFacts and Entry */
typedef Memory {
  byte generation; bool token; bool rotates; bool dead; bool doubt; bool window; bool replayed; bool needed;
  bool over;             /* The replay window is, in truth: what no clock can hide. Kept over a kill. */
  bool retry; bool due; bool queued; bool running; bool held_elsewhere; bool replaced; bool late;
  mtype pinned; byte pinned_token; byte pinned_attempt; byte pinned_generation; byte pinned_serial; byte pinned_from;
  byte answer;           /* In the hands of the flight. */
  byte alarm;
  bool waiting           /* A caller is parked. */
};
Memory memory[REPLICAS];
bool killed[REPLICAS];

byte faults = FAULTS, crashes = CRASHES, replacements = REPLACEMENTS, lapses = LAPSES, dues = DUES;

/* ---- what the properties speak of */
int heard;               /* Refresh tokens that an answer brought to a process that lived on. */
int landed;              /* Those that the store took: as the refresh token, or as evidence. */
int committed;           /* Attempts whose commit is durable. */
byte handed_out[TOKENS + 3];  /* By generation: 1 + the attempt whose access token callers have had. */

/* 1. What was heard is in the store, or in the hands of a process. */
#if REPLICAS == 1
#define IN_MEMORY (BIT(memory[0].answer) | BIT(memory[0].pinned_token))
#else
#define IN_MEMORY (BIT(memory[0].answer) | BIT(memory[0].pinned_token) | \
                   BIT(memory[1].answer) | BIT(memory[1].pinned_token))
#endif
#define NOTHING_FORGOTTEN assert((heard & ~(landed | IN_MEMORY | 1)) == 0)

#define me memory[i]
/* PlanReplay lets it start; the plain retry when it was never seen to rotate. */
#define REPLAY_RULE (!me.rotates || me.window || me.needed || !me.token)
#ifdef MUTANT_ROTATES_FORGOTTEN
#define KNOWN_TO_ROTATE record.rotates
#else
#define KNOWN_TO_ROTATE (record.rotates || me.rotates)
#endif
#ifdef MUTANT_NO_HOLD
#define HOLD false
#else
#define HOLD (me.doubt && !(REPLAY_RULE))
#endif
#define WANTED (me.due || me.retry || !me.token || me.held_elsewhere)
#define MAY_REFRESH (!me.running && (me.queued || (me.pinned == NOTHING && !me.dead && WANTED && \
                     (me.held_elsewhere || !HOLD))))
#define MAY_PERSIST (!me.running && !me.queued && me.pinned != NOTHING)

inline SufferStore(fate) {
  if
  :: fate = OK
  :: faults > 0 -> faults--; fate = LOST_WRITE
  :: faults > 0 -> faults--; fate = LOST_WORD
  fi
}

inline Doubt() {  /* Only the earliest counts, from when the loss is noticed. */
  if
  :: me.doubt
  :: !me.doubt -> me.doubt = true; me.window = true; me.over = false;
#ifdef MUTANT_WINDOW_FROM_BEGIN
    if
    :: me.window = false; me.over = true  /* The exchange took as long as its time-out. */
    :: true
    fi
#endif
  fi
}

/* The provider gets the request: what it makes of it, and the refresh token that its answer carries. */
inline Provide(presented, outcome, brought) {
  if
  :: revoked[grant_of[presented]] -> outcome = DEAD
  :: else ->
    if
    :: !ROTATES -> outcome = GRANTED; brought = presented
    :: ROTATES && status[presented] == CURRENT ->
      issued++;
      assert(issued < TOKENS);
      status[presented] = CONSUMED; grace[presented] = GRACE;
      status[issued] = CURRENT; grant_of[issued] = grant_of[presented]; child[presented] = issued;
      outcome = GRANTED; brought = issued
    :: ROTATES && status[presented] == CONSUMED && grace[presented] && status[child[presented]] == CURRENT ->
      outcome = GRANTED; brought = child[presented]
    :: ROTATES && status[presented] == CONSUMED && !(grace[presented] && status[child[presented]] == CURRENT) ->
      outcome = DEAD; revoked[grant_of[presented]] = REUSE;
#ifdef PROMPT
      assert(!revoked[0])  /* 5. A grace that lasts as long as we are prompt keeps the grant. */
#endif
    fi
  fi
}

/* 4. A generation names one access token. */
inline HandOut(by_attempt, of_generation) {
  assert(handed_out[of_generation] == 0 || handed_out[of_generation] == by_attempt + 1);
  handed_out[of_generation] = by_attempt + 1
}

/* 3. Nobody gets an access token whose refresh token could still be lost unnoticed. */
inline Publish(by_attempt, of_generation) {
  assert((committed & BIT(by_attempt)) || me.alarm > 0);
  HandOut(by_attempt, of_generation)
}

inline PublishStored() {
  if
  :: record.token -> HandOut(record.committed_attempt, record.generation)
  :: else
  fi
}

/* Nothing newer is stored or on its way. */
#if defined(MUTANT_NO_FENCE)
#define NEWEST true
#elif defined(MUTANT_LATE_BY_GENERATION)
#define NEWEST (record.attempt == attempt || record.attempt == 0)
#else
#define NEWEST (record.attempt == attempt || (record.attempt == 0 && record.serial == serial))
#endif

proctype Replica(byte i) {
  byte refresh_token, serial, attempt, generation, wire;
  mtype outcome, fate, result, kind;
  bool doubt_weighed, by_the_rule, in_doubt, deadline, unsent;

start:
  atomic {  /* RefreshScheduler::Add */
    killed[i] = false;
    me.generation = record.generation; me.token = record.token; me.rotates = record.rotates; me.dead = record.dead;
    me.over = me.over && me.doubt && SOLE;
    me.doubt = record.doubt || (SOLE && record.attempt != 0);
    if  /* It was down for a while. */
    :: me.doubt && SOLE -> me.over = true
    :: true
    fi;
#ifdef MUTANT_WALL_CLOCK
    me.window = me.doubt;  /* It was set back, and believed. */
#else
    if
    :: me.window = me.doubt && !me.over
    :: SOLE -> me.window = false  /* Another boot of the machine: nobody can tell. */
    fi;
#endif
    me.replayed = false; me.needed = false; me.retry = false; me.queued = false; me.running = false;
    me.held_elsewhere = false; me.replaced = false; me.late = false; me.due = false; me.waiting = false;
    me.pinned = NOTHING; me.pinned_token = 0; me.answer = 0; me.alarm = 0;
    me.pinned_attempt = 0; me.pinned_generation = 0; me.pinned_serial = 0; me.pinned_from = 0;
    PublishStored();
    refresh_token = 0; serial = 0; attempt = 0; generation = 0; wire = 0; outcome = 0; fate = 0; result = 0; kind = 0;
    doubt_weighed = false; by_the_rule = false; in_doubt = false; deadline = false; unsent = false;
  }
end_rest:
  {
    if
    :: d_step { MAY_REFRESH ->  /* StartOneLocked */
         by_the_rule = REPLAY_RULE;
#ifdef MUTANT_POLL_WEIGHS
         doubt_weighed = me.doubt;
#else
         doubt_weighed = me.doubt && !HOLD;
#endif
         deadline = doubt_weighed && me.rotates && me.token && !me.needed;  /* ReplayDeadline */
         me.replayed = me.doubt;
         me.running = true; me.queued = false; me.held_elsewhere = false; me.due = false; me.retry = false;
         generation = me.generation; kind = NOTHING; in_doubt = false
       }
       goto begin
    :: d_step { MAY_PERSIST ->  /* StartPersistLocked. The pin's alarm stays raised. */
         me.running = true;
         kind = me.pinned; me.answer = me.pinned_token; attempt = me.pinned_attempt;
         generation = me.pinned_generation; serial = me.pinned_serial; refresh_token = me.pinned_from
       }
       if
       :: kind == ROTATION -> goto commit
       :: kind == EVIDENCE -> in_doubt = true; goto quarantine
       fi
    fi;

begin:
    atomic {
      SufferStore(fate);
      if
      :: fate == LOST_WRITE -> result = STORE
      :: fate != LOST_WRITE && record.generation != generation -> result = MOVED
      :: fate != LOST_WRITE && record.generation == generation && record.attempt != 0 && record.holder != i &&
         !SOLE && !record.lapsed -> result = HELD
      :: else ->
        record.doubt = record.doubt || record.attempt != 0;
        attempts++; attempt = attempts; me.late = false;
#ifdef MUTANT_LOST_GENERATION_AGAIN
        record.reserved = (record.attempt == 0 -> record.reserved + 1 : record.reserved);
#else
        record.reserved++;
#endif
#ifndef MUTANT_NO_ATTEMPT
        record.attempt = attempt; record.holder = i; record.lapsed = false;
#endif
        refresh_token = record.refresh_token; serial = record.serial;
#ifdef MUTANT_GENERATION_NOT_RESERVED
        generation = record.generation + 1;
#else
        generation = record.reserved;
#endif
        result = 0
      fi;
      if
      :: fate == LOST_WORD -> result = STORE
      :: else
      fi;
      if
      :: result == MOVED -> goto adopt
      :: result == HELD || result == STORE -> goto land
      :: else
      fi;
      if
      :: record.dead -> outcome = DEAD; goto conclude
      :: !record.dead && record.doubt && KNOWN_TO_ROTATE && !doubt_weighed ->
         outcome = IN_DOUBT; unsent = true; goto conclude
      :: else
      fi
    }

exchange:
    atomic {
#ifndef MUTANT_SEND_LATE
      if
      :: me.late -> outcome = UNSPENT; goto conclude
      :: else
      fi;
#endif
#ifndef MUTANT_WEIGHED_WHEN_QUEUED
      if
      :: deadline && !me.window -> outcome = IN_DOUBT; unsent = true; goto conclude
      :: else
      fi;
#endif
      wire = 0;
      if
      :: faults > 0 -> faults--; outcome = UNSPENT  /* Refused, or throttled. */
      :: faults > 0 -> faults--; outcome = IN_DOUBT  /* Lost on the way there. */
      :: true ->
        /* 2. What is consumed is not presented, but by the rule. */
        assert(status[refresh_token] != CONSUMED ||
               by_the_rule && (doubt_weighed || !me.rotates) && !(deadline && me.over));
        Provide(refresh_token, outcome, wire);
        if
        :: true
        :: faults > 0 -> faults--; outcome = IN_DOUBT; wire = 0  /* Lost on the way back. */
        :: faults > 0 && outcome == GRANTED -> faults--; outcome = MALFORMED
        fi
      fi
    }

receive:
    atomic {
      me.answer = wire; heard = heard | BIT(wire); wire = 0;
      if
      :: outcome == GRANTED -> kind = ROTATION
      :: outcome == MALFORMED -> in_doubt = true; kind = EVIDENCE; goto quarantine
      :: else -> goto conclude
      fi;
#ifdef MUTANT_PUBLISH_FIRST
      Publish(attempt, generation);
#endif
    }

commit:
    atomic {
      SufferStore(fate);
      result = REFRESHED;
      if
      :: fate == LOST_WRITE
      :: fate != LOST_WRITE && record.committed_attempt == attempt && record.generation == generation
      :: fate != LOST_WRITE && !(record.committed_attempt == attempt && record.generation == generation) &&
         generation > record.generation && NEWEST ->
        assert(record.refresh_token == refresh_token);  /* 1. Only what was exchanged gives way. */
#ifdef LIMIT_NO_LATE_ANSWER
        assert(record.attempt == attempt);
#endif
        record.refresh_token = me.answer; record.serial++; record.generation = generation; record.token = true;
        record.rotates = record.rotates || me.answer != refresh_token;
        record.attempt = 0; record.lapsed = false; record.doubt = false; record.dead = false;
        record.committed_attempt = attempt;
        landed = landed | BIT(me.answer); committed = committed | BIT(attempt)
      :: else -> result = MOVED
      fi;
      if
      :: fate != OK -> result = UNPERSISTED
      :: else
      fi;
      if
      :: result == MOVED ->
#ifdef LIMIT_FENCED_THOUGH_NEWER
        /* What is stored is somebody else's word, not merely the old refresh token. */
        assert(record.serial != serial);
#endif
        in_doubt = false; goto quarantine
      :: else
      fi
    }

publish:
    atomic {
#ifdef MUTANT_NO_PIN
      if
      :: result == UNPERSISTED -> result = FAILED; outcome = IN_DOUBT; me.answer = 0; goto land
      :: else
      fi;
#endif
#ifdef MUTANT_ALARM_LATE
      Publish(attempt, generation);
#endif
      if
      :: result == UNPERSISTED -> me.alarm = 1
      :: else
      fi;
      Publish(attempt, generation);
      goto land
    }

quarantine:  /* Of a malformed answer (in_doubt), or of one that was fenced. */
    atomic {
#ifndef MUTANT_NO_QUARANTINE
      SufferStore(fate);
      if
      :: fate != LOST_WRITE -> landed = landed | BIT(me.answer)
      :: else
      fi;
#else
      fate = OK;
#endif
      if
      :: fate != OK -> kind = EVIDENCE; result = UNPERSISTED; me.alarm = 1; goto land
      :: fate == OK && in_doubt -> outcome = IN_DOUBT; me.answer = 0; NOTHING_FORGOTTEN
      :: fate == OK && !in_doubt -> me.answer = 0; NOTHING_FORGOTTEN; goto adopt
      fi
    }

conclude:
    atomic {
      SufferStore(fate);
      if
      :: fate != LOST_WRITE && record.attempt == attempt ->
        record.attempt = 0; record.lapsed = false;
        record.reserved--;  /* Nobody has seen a token of it. */
        record.doubt = (outcome == IN_DOUBT && !unsent || record.doubt) && outcome != DEAD;
        record.dead = (outcome == DEAD)
      :: else
      fi;
      result = FAILED;
      goto land
    }

adopt:
    atomic { result = MOVED; PublishStored() }

land:  /* RefreshScheduler::Land, ApplyLocked */
    atomic {
      me.running = false;
      if
      :: result == FAILED && me.replaced ->
        me.pinned = NOTHING; me.pinned_token = 0; me.alarm = 0
      :: result == FAILED && !me.replaced ->
        me.pinned = NOTHING; me.pinned_token = 0; me.alarm = 0;
        me.rotates = me.rotates || record.rotates;
        if
        :: outcome == IN_DOUBT -> Doubt()
        :: outcome == DEAD -> me.doubt = false; me.dead = true
        :: else -> if :: record.doubt -> Doubt() :: else -> me.doubt = false fi
        fi;
        me.retry = !me.dead
      :: result == REFRESHED ->
        me.pinned = NOTHING; me.pinned_token = 0; me.alarm = 0;
        me.rotates = me.rotates || me.answer != refresh_token;
        me.generation = generation; me.token = true; me.needed = false; me.dead = false;
        me.doubt = false; me.replayed = false; me.retry = false
      :: result == MOVED ->
        me.pinned = NOTHING; me.pinned_token = 0; me.alarm = 0;
        me.rotates = me.rotates || record.rotates;
        me.generation = record.generation; me.token = record.token; me.needed = false; me.dead = record.dead;
        if :: record.doubt -> Doubt() :: else -> me.doubt = false fi;
        me.replayed = false; me.retry = false
      :: result == HELD -> me.held_elsewhere = true
      :: result == STORE -> me.retry = true
      :: result == UNPERSISTED ->
        if
        :: kind == ROTATION ->
          me.rotates = me.rotates || me.answer != refresh_token;
          me.generation = generation; me.token = true; me.needed = false; me.dead = false; me.doubt = false
        :: else
        fi;
        me.pinned = kind; me.pinned_token = me.answer; me.pinned_attempt = attempt;
        me.pinned_generation = generation; me.pinned_serial = serial; me.pinned_from = refresh_token
      fi;
      me.answer = 0;
      NOTHING_FORGOTTEN;
#ifdef MUTANT_PIN_DROPPED
      if
      :: me.replaced -> me.replaced = false; me.queued = true
#else
      if
      :: me.replaced && me.pinned == NOTHING -> me.replaced = false; me.queued = true
#endif
      :: else ->
        /* Callers wait on through a replay that starts at once, and while another replica is at it. */
        if
        :: me.held_elsewhere
        :: !me.held_elsewhere && result == FAILED && me.doubt && me.rotates && me.window && !me.replayed
        :: else -> me.waiting = false
        fi
      fi;
      attempt = 0; refresh_token = 0; serial = 0; generation = 0; outcome = 0; fate = 0; result = 0; kind = 0; wire = 0;
      doubt_weighed = false; by_the_rule = false; in_doubt = false; deadline = false; unsent = false
    }
#ifdef MUTANT_NO_POLL
    if
    :: me.held_elsewhere && me.waiting -> false
    :: else
    fi;
#endif
    goto end_rest
  } unless {
    /* What only this process knew is lost with it; the attempt on record says so. */
    d_step { killed[i] ->
      heard = heard & ~(BIT(me.answer) | BIT(me.pinned_token)) | (heard & landed);
      me.answer = 0; me.pinned_token = 0
    }
    goto start
  }
}

/* ---- what may happen at any moment */

active proctype World() {
  byte i;
end:
  do
  :: atomic { crashes > 0 -> crashes--; i = 0; killed[0] = true }
#if REPLICAS == 2
  :: atomic { crashes > 0 -> crashes--; i = 1; killed[1] = true }
  :: atomic { lapses > 0 && record.attempt != 0 && !record.lapsed ->  /* Under a holder that is alive, but paused. */
       lapses--; record.lapsed = true; memory[record.holder].late = true }
#endif
  od
}

#ifdef PROMPT
#define IN_TIME (memory[i].running || memory[i].doubt && memory[i].window && !memory[i].replayed)
#else
#define IN_TIME false
#endif

proctype Time(byte i) {
end:
  do
  :: atomic { memory[i].window && !IN_TIME -> memory[i].window = false; memory[i].over = SOLE }
  :: atomic { memory[i].doubt && memory[i].token && !memory[i].needed -> memory[i].needed = true }
  :: atomic { dues > 0 && !memory[i].due && memory[i].token -> dues--; memory[i].due = true }
#if REPLICAS == 2
  /* The attempt of a holder that is gone, or has given it up unrecorded. */
  :: atomic { record.attempt != 0 && record.holder == i && !record.lapsed && !memory[i].running ->
       record.lapsed = true }
#endif
#if GRACE
  :: atomic { grace[1] && !IN_TIME -> grace[1] = false }
  :: atomic { grace[2] && !IN_TIME -> grace[2] = false }
#endif
  od
}

/* ReplaceRefreshToken in the store, then OnGrantReplaced in the process that was asked. */
active proctype Operator() {
end:
  do
  :: atomic { replacements > 0 && record.refresh_token != 0 && issued < TOKENS - 1 ->
       replacements--;
       issued++; status[issued] = CURRENT; grant_of[issued] = 1;
       record.refresh_token = issued; record.serial++; landed = landed | BIT(issued);
       record.dead = false; record.attempt = 0; record.lapsed = false; record.doubt = false
     }
     d_step {
       memory[0].doubt = false; memory[0].replayed = false; memory[0].retry = false; memory[0].dead = false;
#ifdef MUTANT_PIN_DROPPED
       memory[0].replaced = memory[0].running;
       memory[0].queued = !memory[0].running
#else
       memory[0].replaced = memory[0].running || memory[0].pinned != NOTHING;
       memory[0].queued = !memory[0].replaced
#endif
     }
  od
}

#ifdef CALLER
/* A caller whom the current token will not do: parked, unless it is refused at once. */
active proctype Caller() {
  byte i = 0;
end:
  do
  :: atomic { dues > 0 && !me.waiting && (me.running || (!me.dead && me.pinned == NOTHING && !HOLD)) ->
       dues--; me.waiting = true;
       me.due = me.due || !me.running }
  od
}
/* 6. */
ltl every_wait_ends { [] (memory[0].waiting -> <> !memory[0].waiting) }
#endif

init {
  atomic {
    status[1] = CURRENT;
    record.refresh_token = 1; landed = BIT(1);
    record.rotates = KNOWN; record.generation = KNOWN; record.reserved = KNOWN; record.token = KNOWN;
    run Replica(0);
    run Time(0);
#if REPLICAS == 2
    run Replica(1);
    run Time(1);
#endif
  }
}
