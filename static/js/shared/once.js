// Asks for something once and keeps the promise, so that whoever wants it later waits for the same answer.

/**
 * Return the kept answer of `key`, or the one that `ask` promises now; a failure is not kept.
 * @template T
 * @param {Map<string, Promise<any>>} answers
 * @param {string} key
 * @param {() => Promise<T>} ask
 * @returns {Promise<T>}
 */
export function once(answers, key, ask) {
  const known = answers.get(key);
  if (known) return known;
  const answer = ask();
  answers.set(key, answer);
  answer.catch(() => answers.get(key) === answer && answers.delete(key));
  return answer;
}
