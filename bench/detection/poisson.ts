/** How much a count says of a rate. */

const Z = 1.96;

/**
 * Exact two-sided 95 % interval of the mean of a Poisson count (Garwood 1936): half of the chi-squared quantiles at 2k and 2k + 2
 * degrees of freedom. 0: 0 to 3.69; 5: 1.62 to 11.67.
 */
export function poissonInterval(count: number): readonly [low: number, high: number] {
  return [count === 0 ? 0 : gammaQuantile(count, 0.025), gammaQuantile(count + 1, 0.975)];
}

/** The rate with its interval; of nothing seen in `years` the rule of three: less than 3 / years, one-sided 95 %. */
export function rateText(count: number, years: number): string {
  if (years === 0) return '–';
  if (count === 0) return `0 (<${short(3 / years)})`;
  const [low, high] = poissonInterval(count);
  return `${short(count / years)} [${short(low / years)}, ${short(high / years)}]`;
}

export function short(value: number): string {
  if (value === 0) return '0';
  if (!Number.isFinite(value)) return 'never';
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  if (value < 0.001) return value.toExponential(1).replace('e-', 'e-');
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}

/** The quantile of a Gamma distribution of whole shape and scale 1: by halving on its distribution function. */
function gammaQuantile(shape: number, share: number): number {
  if (shape > 10_000) return shape + (share < 0.5 ? -Z : Z) * Math.sqrt(shape);
  let [low, high] = [0, shape + 20 + 10 * Math.sqrt(shape)];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (gammaBelow(shape, middle) < share) low = middle;
    else high = middle;
  }
  return high;
}

/** P(Gamma(shape) <= x) = 1 - P(Poisson(x) < shape). */
function gammaBelow(shape: number, x: number): number {
  let term = -x;
  let sum = 0;
  for (let k = 0; k < shape; k++) {
    sum += Math.exp(term);
    term += Math.log(x) - Math.log(k + 1);
  }
  return 1 - sum;
}
