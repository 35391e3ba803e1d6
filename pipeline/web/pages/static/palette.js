// Search and commands, by Ctrl or Cmd K on any page. Pages are those of the side bar, commands those of the dialog;
// what the account's things are called is asked of the API. A combobox: the focus stays in the field.
(() => {
  const dialog = document.getElementById('palette');
  if (!dialog) return;
  const $ = (selector) => dialog.querySelector(selector);
  const [field, list, none, said] = ['#palette-text', '#palette-list', '[data-palette-none]', '[data-palette-said]'].map($);
  const near = document.body.dataset.site ? `&site_id=${document.body.dataset.site}` : '';
  const sites = JSON.parse(dialog.dataset.sites || '{}');
  const KINDS = { site: ['Sites', 'world'], article: ['Articles', 'writer'], keyword: ['Keywords', 'list'], cluster: ['Clusters', 'bulb'], idea: ['Ideas', 'bulb'], run: ['Runs', 'bolt'] };
  const MOST = 7;
  let asked = 0;
  let timer = 0;
  let chosen = -1;

  const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const own = () => {
    const commands = [...dialog.querySelectorAll('[data-palette-actions] a, [data-palette-actions] button')].map((one) => ({
      group: 'Commands', icon: one.dataset.icon, text: one.textContent, words: one.dataset.words, page: one.getAttribute('href'), press: one.dataset.press,
    }));
    const pages = [...document.querySelectorAll('#side .side-scroll a')].map((one) => {
      const above = one.closest('details')?.querySelector('summary > span')?.textContent;
      return { group: 'Pages', icon: 'right', text: one.textContent.replace(/Admin$/, '').trim(), note: above, page: one.getAttribute('href') };
    });
    return [...commands, ...pages];
  };
  const fits = (words) => (one) => words.every((word) => `${one.text} ${one.note || ''} ${one.words || ''}`.toLowerCase().includes(word));

  const option = (one, number) => {
    const made = document.createElement('a');
    made.className = 'palette-it';
    made.id = `palette-${number}`;
    made.tabIndex = -1;
    made.setAttribute('role', 'option');
    made.setAttribute('aria-selected', 'false');
    if (one.page) made.href = one.page;
    made.innerHTML = `${window.icon(one.icon)}<span class="palette-t"></span><span class="palette-n"></span>`;
    made.children[1].textContent = one.text;
    made.children[2].textContent = one.note || '';
    if (one.press) made.addEventListener('click', () => { dialog.close(); document.querySelector(one.press).click(); });
    return made;
  };
  const options = () => [...list.querySelectorAll('[role=option]')];
  const choose = (number) => {
    const all = options();
    all[chosen]?.setAttribute('aria-selected', 'false');
    chosen = all.length ? (number + all.length) % all.length : -1;
    all[chosen]?.setAttribute('aria-selected', 'true');
    all[chosen]?.scrollIntoView({ block: 'nearest' });
    if (chosen < 0) field.removeAttribute('aria-activedescendant');
    else field.setAttribute('aria-activedescendant', all[chosen].id);
  };
  const show = (found, isWhole) => {
    const groups = new Map();
    found.forEach((one) => groups.set(one.group, [...(groups.get(one.group) || []), one]));
    let number = 0;
    list.replaceChildren(...[...groups].map(([name, all], place) => {
      const made = document.createElement('div');
      made.setAttribute('role', 'group');
      made.setAttribute('aria-labelledby', `palette-g${place}`);
      const head = document.createElement('div');
      head.className = 'palette-h';
      head.id = `palette-g${place}`;
      head.textContent = name;
      made.append(head, ...all.map((one) => option(one, number++)));
      return made;
    }));
    choose(0);
    none.hidden = Boolean(found.length);
    none.textContent = isWhole ? 'Nothing is called so. Try how its name begins.' : 'Searching …';
    if (isWhole) said.textContent = found.length ? `${found.length} found` : 'Nothing found';
  };
  const hit = (one) => {
    const [group, icon] = KINDS[one.kind];
    const note = [one.kind === 'site' ? '' : sites[one.site_id], one.status?.replaceAll('_', ' ')].filter(Boolean).join(' · ');
    return { group, icon, text: one.text, note, page: one.page };
  };
  const search = () => {
    const text = field.value.trim();
    const here = ++asked;
    clearTimeout(timer);
    const found = text ? own().filter(fits(wordsOf(text))).slice(0, MOST) : own();
    show(found, !text);
    if (!text) return;
    timer = setTimeout(async () => {
      const answer = await window.ask('GET', `/api/v1/search?q=${encodeURIComponent(text)}${near}`);
      if (here !== asked) return;
      if (!answer.ok) { none.hidden = false; none.textContent = answer.body.detail; return; }
      show([...found, ...answer.body.items.map(hit)], true);
    }, 150);
  };

  const open = () => {
    if (dialog.open) { dialog.close(); return; }
    if (document.querySelector('dialog[open]')) return;
    field.value = '';
    dialog.showModal();
    field.focus();
    search();
  };
  field.addEventListener('input', search);
  field.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); choose(chosen + step); }
    if (event.key === 'Enter') { event.preventDefault(); options()[chosen]?.click(); }
  });
  list.addEventListener('pointermove', (event) => {
    const over = options().indexOf(event.target.closest('[role=option]'));
    if (over >= 0 && over !== chosen) choose(over);
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog || event.target.closest('[data-palette-close]')) dialog.close();
    // A link to the page that is open leads to a part of it: the dialog is not in its way.
    if (event.target.closest('a[href]')) dialog.close();
  });
  document.addEventListener('click', (event) => { if (event.target.closest('[data-palette]')) open(); });
  document.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') { event.preventDefault(); open(); }
  });
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelectorAll('[data-palette] kbd').forEach((key) => { key.textContent = '⌘ K'; });
})();
