// What each user did with each feature inside its window. Counts only; the verdict is ours, in Python.
// Every value arrives in `params`: nothing is pasted into this text. One call serves all features.
// Answers one item: the users who tried a feature often enough, and everybody in numbers.
function main() {
  var names = params.features.reduce(function (all, feature) {
    return all.concat(feature.own, feature.help || []);
  }, []);
  return Events({
    from_date: params.from_date,
    to_date: params.to_date,
    event_selectors: names.concat(params.rage, params.dead)
      .filter(function (name, place, all) { return all.indexOf(name) === place; })
      .map(function (name) { return {event: name}; }),
  })
    .groupByUser(function (states, events) {
      states = states || params.features.map(function () {
        return {
          attempts: 0, successes: 0, errors: {}, rage_clicks: 0, dead_clicks: 0, help_views: 0,
          last_attempt: null, last_success: null, reached: 0, abandoned: 0, pending: null,
          accounts: [], before: [0, 0], seen: [],
        };
      });
      events.forEach(function (event) {
        params.features.forEach(function (feature, place) {
          if (event.time >= feature.since) {
            count(states[place], feature, event);
          } else if (event.time >= feature.before) {
            states[place].before[0] += event.name === feature.attempt ? 1 : 0;
            states[place].before[1] += event.name === feature.success ? 1 : 0;
          }
        });
      });
      return states;
    })
    .filter(function (row) { return row.key[0] !== null && row.key[0] !== undefined && row.key[0] !== ""; })
    .reduce(gather);
}

function count(state, feature, event) {
  if (state.seen.indexOf(event.name) < 0) { state.seen.push(event.name); }
  if (event.name === params.rage) { state.rage_clicks += 1; return; }
  if (event.name === params.dead) { state.dead_clicks += 1; return; }
  if (feature.help && event.name === feature.help) { state.help_views += 1; }
  if (feature.own.indexOf(event.name) < 0) { return; }
  var account = event.properties[params.account_property];
  [].concat(account === undefined ? [] : account).forEach(function (id) {
    if (state.accounts.indexOf(id) < 0) { state.accounts.push(id); }
  });
  walk(state, feature, event);
  if (event.name === feature.success) {
    state.successes += 1; state.last_success = event.time; state.pending = null;
  }
  if (feature.error && event.name === feature.error) {
    var given = event.properties.reason;
    var reason = String(given === undefined || given === null ? "" : given);
    // A reason may be called "constructor" or "__proto__": only own properties count.
    var before = Object.getOwnPropertyDescriptor(state.errors, reason);
    Object.defineProperty(state.errors, reason, {
      value: (before ? before.value : 0) + 1, enumerable: true, configurable: true, writable: true,
    });
  }
}

// How far the last attempt got; an attempt is abandoned once a step is not followed by a further one in time.
function walk(state, feature, event) {
  var last = feature.steps.length - 1;
  if (event.name === feature.attempt) {
    state.abandoned += state.pending === null ? 0 : 1;
    state.attempts += 1; state.last_attempt = event.time;
    state.reached = 0; state.pending = last > 0 ? event.time : null;
    return;
  }
  var place = feature.steps.indexOf(event.name);
  if (place <= state.reached) { return; }
  state.reached = place;
  if (state.pending === null) { return; }
  if (event.time - state.pending > feature.patience) {
    state.abandoned += 1; state.pending = null;
  } else {
    state.pending = place < last ? event.time : null;
  }
}

// Called with parts that were gathered already, and with users that were not.
function gather(parts, users) {
  var all = {
    rows: [],
    everybody: params.features.map(function () { return {seen: [], groups: {}}; }),
  };
  parts.forEach(function (part) {
    all.rows = all.rows.concat(part.rows);
    part.everybody.forEach(function (some, place) {
      notice(all.everybody[place], some.seen);
      Object.keys(some.groups).forEach(function (key) { add(all.everybody[place], key, some.groups[key]); });
    });
  });
  users.forEach(function (row) {
    // What nobody needs does not travel: a hundred thousand users make a long answer.
    var often = row.value.map(function (state, place) {
      return state.attempts > params.features[place].more_than_attempts ? state : null;
    });
    if (often.some(function (state) { return state !== null; })) { all.rows.push({key: row.key, value: often}); }
    row.value.forEach(function (state, place) {
      notice(all.everybody[place], state.seen);
      if (!state.attempts) { return; }
      var who = params.by_person ? [row.key[0]] : [];
      var key = JSON.stringify([state.accounts, who]);
      add(all.everybody[place], key, [1, state.attempts, state.successes]);
    });
  });
  return all;
}

function notice(some, seen) {
  seen.forEach(function (name) { if (some.seen.indexOf(name) < 0) { some.seen.push(name); } });
}

function add(some, key, figures) {
  var sums = some.groups[key] || [0, 0, 0];
  some.groups[key] = sums.map(function (sum, place) { return sum + figures[place]; });
}
