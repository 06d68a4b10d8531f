// What each user did with each feature inside its window. Counts only; the verdict is ours, in Python.
// Every value arrives in `params`: nothing is pasted into this text. One call serves all features.
function main() {
  var names = params.features.reduce(function (all, feature) { return all.concat(feature.own); }, []);
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
          attempts: 0, successes: 0, errors: {}, rage_clicks: 0, dead_clicks: 0,
          last_attempt: null, last_success: null, reached: 0, accounts: [],
        };
      });
      events.forEach(function (event) {
        params.features.forEach(function (feature, place) {
          if (event.time >= feature.since) { count(states[place], feature, event); }
        });
      });
      return states;
    })
    .filter(function (row) {
      return row.value.some(function (state, place) {
        return state.attempts > params.features[place].more_than_attempts;
      });
    });
}

function count(state, feature, event) {
  if (event.name === params.rage) { state.rage_clicks += 1; return; }
  if (event.name === params.dead) { state.dead_clicks += 1; return; }
  if (feature.own.indexOf(event.name) < 0) { return; }
  var account = event.properties[params.account_property];
  [].concat(account === undefined ? [] : account).forEach(function (id) {
    if (state.accounts.indexOf(id) < 0) { state.accounts.push(id); }
  });
  if (event.name === feature.attempt) {
    state.attempts += 1; state.last_attempt = event.time; state.reached = 0;
  } else {
    state.reached = Math.max(state.reached, feature.steps.indexOf(event.name));
  }
  if (event.name === feature.success) { state.successes += 1; state.last_success = event.time; }
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
