// A file comes into the library: its industry and sector stand in the address, the body is the file itself.
(() => {
  const form = document.querySelector('[data-import-seeds]');
  if (!form) return;
  const said = form.querySelector('[data-error]');
  form.querySelector('[data-close]').addEventListener('click', () => form.closest('dialog').close());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { industry, sector, file } = form.elements;
    const missing = [industry, sector, file].find((field) => !field.value.trim());
    if (missing) { said.textContent = 'Give an industry, a sector and a file.'; missing.focus(); return; }
    said.textContent = 'Reading the file …';
    const names = new URLSearchParams({ industry: industry.value, sector: sector.value });
    const answer = await window.ask('POST', `/api/v1/keyword-library/keywords/import?${names}`, file.files[0]);
    if (!answer.ok) { said.textContent = answer.body.detail; return; }
    const { imported, duplicates, rejected } = answer.body;
    if (!rejected.length) { location.reload(); return; }
    said.textContent = `${imported} imported, ${duplicates} there already. Line ${rejected[0].line}: ${rejected[0].reason}${rejected.length > 1 ? ` And ${rejected.length - 1} more.` : ''}`;
  });
})();
