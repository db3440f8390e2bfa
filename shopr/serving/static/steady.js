// Keeps a page steady for the person in front of it while the app draws it anew: one act makes one entry of the history,
// what was removed from under the keyboard hands its focus on, and what changed is said to who cannot see it.
(() => {
  const main = () => document.querySelector("[data-testid=stMain], [data-testid=stAppScrollToBottomContainer]");
  const keyed = node => node?.closest?.("[class*=st-key-]");
  const name = node => Array.from(node?.classList || []).find(each => each.startsWith("st-key-")) || "";

  // -- the history: words that are typed in one go, and a number that is stepped up, are one act
  const steps = "input[type=search], input[type=number]", push = history.pushState.bind(history);
  let typed = null, entry = null;
  addEventListener("input", event => { typed = event.target.matches?.(steps) ? event.target : null; }, true);
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, event => { if (event.target !== typed) typed = entry = null; }, true);
  }
  addEventListener("popstate", () => { typed = entry = null; });
  history.pushState = (state, title, address) => {
    left();
    if (typed && typed === entry) history.replaceState(state, title, address);
    else push(state, title, address);
    entry = typed;
  };

  // -- the focus: where it was is known by the keys of the containers around it
  let held = null, trail = [], back = [], hoped = null, places = new Map(), here = location.href;
  // Left is what the address says now, not `here`: a quick hand acts before that was drawn.
  const left = () => { if (trail.length) places.set(location.href, trail); };
  addEventListener("focusin", event => {
    held = event.target; trail = [];
    for (let at = keyed(held); at && at !== document.body; at = keyed(at.parentElement)) trail.push(name(at));
  });
  let pointed = false;
  addEventListener("keydown", () => { pointed = false; back = []; hoped = null; }, true);
  addEventListener("pointerdown", event => {
    pointed = true; back = []; hoped = null;
    if (!event.target.closest?.("button, a, input, label, summary")) held = null;
  }, true);
  const can = "button:not(:disabled), a[href], input:not(:disabled), textarea, summary, [tabindex='0']";
  const within = key => {
    const found = key && Array.from(document.querySelectorAll("." + CSS.escape(key))).find(each => each.offsetParent);
    return found && (found.matches(can) ? found : found.querySelector(can));
  };
  const leaf = address => new URL(address).searchParams.get("page");
  const heading = () => main()?.querySelector("[data-say] h2, .section h2") || main()?.querySelector("h1");
  const lost = () => held && !held.isConnected && document.activeElement === document.body;
  const moved = () => {
    const paged = leaf(here) !== leaf(location.href), page = new URL(here).pathname !== location.pathname;
    back = places.get(here = location.href) || [];
    if (page) held = null;
    else if (paged && pointed && !lost()) heading()?.scrollIntoView();  // who turned a page with the mouse begins at its top
  };
  const arrived = () => {  // what had the focus here before may be drawn after its heading
    const to = hoped && document.activeElement === hoped && within(back[0]);
    if (to) { hoped = null; to.focus(); }
  };
  const restore = () => {
    if (here !== location.href) moved();
    if (!lost()) return;
    let to = null;
    for (const key of [...back.slice(0, 1), ...trail]) if ((to = within(key))) break;
    if (!to && (to = heading())) {
      to.tabIndex = -1;
      hoped = back[0] && to;
      if (to.getBoundingClientRect().top < 0) main().scrollTop = 0;
    }
    held = null;
    to?.focus({preventScroll: to.tabIndex < 0});
  };

  // -- what changed, for who hears the page: the answer to what was asked, and notices that were not there before
  const spoken = document.createElement("div"), region = document.createElement("div");
  spoken.className = "spoken"; region.setAttribute("role", "status");
  spoken.attachShadow({mode: "closed"}).append(region);  // said, and nothing that is found or copied with the page
  let said = null, where = "";
  const say = () => {
    const now = Array.from(main()?.querySelectorAll("[data-say], .notice[role=status]") || [], each => each.innerText.trim());
    const fresh = said && where === location.pathname ? now.filter(each => each && !said.includes(each)) : [];
    said = now; where = location.pathname;
    if (fresh.length) region.textContent = fresh.join(" ");
  };

  // -- each time that a page has been drawn
  let app = null, due = 0;
  const drawn = () => { due = 0; restore(); say(); };
  const still = () => app?.dataset.testScriptState === "notRunning";
  const soon = () => { if (still() && !due) due = setTimeout(drawn, 50); };
  const states = new MutationObserver(soon);
  const found = new MutationObserver(() => {
    if (hoped) arrived();
    if (lost()) soon();  // what is no longer on the page goes a moment after the script has ended
    const now = document.querySelector("[data-testid=stApp]");
    if (!now || now === app) return;
    app = now; states.disconnect(); states.observe(app, {attributes: true, attributeFilter: ["data-test-script-state"]});
    if (!spoken.isConnected) document.body.append(spoken);
  });
  found.observe(document.documentElement, {childList: true, subtree: true});
})();
