// Tables with ticks: data-each="POST /api/v1/…/{id}" is sent for every ticked row, data-all="POST …" once with all ids
// as the list that data-field names. What was refused is told row by row, and stays ticked.
(() => {
  const $$ = (selector) => [...document.querySelectorAll(selector)];
  const boxes = () => $$('[data-pick]');
  const picked = () => boxes().filter((box) => box.checked);
  const bar = document.querySelector('[data-picked]');
  if (!bar) return;

  const update = () => {
    const count = picked().length;
    bar.querySelector('[data-picked-count]').textContent = count ? `${count} chosen` : 'None chosen';
    $$('[data-picked] button').forEach((button) => { button.disabled = !count; });
    const every = document.querySelector('[data-pick-all]');
    if (every) { every.checked = count > 0 && count === boxes().length; every.indeterminate = count > 0 && count < boxes().length; }
  };
  const nameOf = (box) => box.dataset.name || box.value;
  const said = (text) => { bar.querySelector('[data-picked-count]').textContent = text; };

  const each = async (button) => {
    const [method, url] = button.dataset.each.split(' ');
    const note = button.dataset.note ? document.getElementById(button.dataset.note).value.trim() : '';
    const refused = [];
    const rows = picked();
    let done = 0;
    for (const box of rows) {
      said(`${++done} of ${rows.length} …`);
      const answer = await window.ask(method, url.replace('{id}', box.value), note ? { note } : undefined);
      if (answer.ok) box.checked = false;
      else refused.push(`${nameOf(box)}: ${answer.body.detail}`);
    }
    button.closest('dialog')?.close();
    if (!refused.length) { window.readAgain('[data-pick-all], [data-pick]'); return; }
    update();
    window.refuse(`${rows.length - refused.length} of ${rows.length} were done. ${refused.slice(0, 5).join(' ')}`);
  };
  const all = async (button) => {
    const [method, url] = button.dataset.all.split(' ');
    const answer = await window.ask(method, url, { [button.dataset.field]: picked().map((box) => Number(box.value)) });
    if (!answer.ok) { window.refuse(answer.body.detail); return; }
    const { imported, duplicates } = answer.body;
    if (imported === undefined) { window.readAgain('[data-pick-all], [data-pick]'); return; }
    boxes().forEach((box) => { box.checked = false; });
    update();
    const had = duplicates ? `, ${duplicates} ${duplicates === 1 ? 'was' : 'were'} there already` : '';
    window.toast(`${imported} ${imported === 1 ? 'keyword' : 'keywords'} added${had}.`);
  };

  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-pick-all]')) boxes().forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches('[data-pick], [data-pick-all]')) update();
  });
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-each], [data-all]');
    if (!button) return;
    event.preventDefault();
    button.disabled = true;
    await (button.dataset.each ? each(button) : all(button));
    button.disabled = false;
    update();
  });
  update();
})();
