import { expect, test } from 'vitest';
import { likeliest, predictionText } from '../../cli/predict.ts';

test('of a picture the five likeliest classes are shown, by name, with their softmax', () => {
  const logits = [0, 3, 1, 2, 2, -1];
  const top = likeliest(logits, ['zero', 'one', 'two', 'three', 'four', 'five']);
  expect(top.map(({ class: label }) => label)).toEqual([1, 3, 4, 2, 0]);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  expect(top[0]?.probability).toBeCloseTo(Math.exp(3) / sum, 12);
  expect(predictionText({ image: 'shirt.png', top: top.slice(0, 2) })).toBe(
    'shirt.png\n   51.6 %  one\n   19.0 %  three',
  );
});

test('logits of any size are fine, and classes without names go by number', () => {
  const [first, second] = likeliest([1000, 1000, -1000], null);
  expect([first, second]).toEqual([
    { class: 0, name: null, probability: 0.5 },
    { class: 1, name: null, probability: 0.5 },
  ]);
  expect(predictionText({ image: 'a.png', top: [first!] })).toBe('a.png\n   50.0 %  class 0');
});
