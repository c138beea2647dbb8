// SPDX-License-Identifier: LGPL-2.1-or-later
// Passkeys on the device, by passlock.js.

let settings; // tenancyId and endpoint
let passlock; // instance of Passlock, once passlock.js is loaded
let loads = 0;

const MESSAGES = {
  "@error/DuplicatePasskey": "This device already has a passkey for your account.",
  "@error/PasskeyUnsupported": "This device does not support the required kind of passkey.",
  "@error/OrphanedPasskey": "This passkey was deleted from its account, but your device still has it.",
};

const NOTHING_DONE = { registerPasskey: "No passkey was created", authenticatePasskey: "You were not signed in" };

const UNSUPPORTED_CODES = [
  "ERROR_AUTHENTICATOR_MISSING_DISCOVERABLE_CREDENTIAL_SUPPORT",
  "ERROR_AUTHENTICATOR_MISSING_USER_VERIFICATION_SUPPORT",
  "ERROR_AUTHENTICATOR_NO_SUPPORTED_PUBKEYCREDPARAMS_ALG",
];

/** The tag of the error; codes that say the same as a tag are mapped to it. */
const tagOf = ({ _tag, code }) => (UNSUPPORTED_CODES.includes(code) ? "@error/PasskeyUnsupported" : _tag);

function describe(tag, method) {
  if (tag === "@error/OtherPasskey")
    return `${NOTHING_DONE[method]}: your device did not confirm in time, or you cancelled.`;
  return MESSAGES[tag] ?? "The passkey service cannot be reached right now. Please try again in a moment.";
}

/** Error of the device, or of a request to the API. */
export class DeviceError extends Error {
  constructor(error, method) {
    const tag = tagOf(error);
    super(describe(tag, method));
    /** Temporary: a retry may succeed. */
    this.passing = !(tag in MESSAGES);
    /** A passkey that is on the device but not in the vault: see forget(). */
    this.orphan = tag === "@error/OrphanedPasskey" ? error : null;
  }
}

export function configure(config) {
  settings = config;
}

async function load() {
  if (passlock) return passlock;
  try {
    // Browsers may cache a failed import, so each attempt has its own URL.
    const { Passlock } = await import(`${settings.endpoint}/passlock.js?load=${++loads}`);
    passlock = new Passlock(settings);
    return passlock;
  } catch {
    throw new DeviceError({ _tag: "@error/Network" });
  }
}

async function perform(method, options) {
  const result = await (await load())[method](options);
  if (result.failure) throw new DeviceError(result, method);
  return result;
}

/** Creates a passkey. Resolves to the code for the server. */
export const createPasskey = async (registrationToken, onEvent) =>
  (await perform("registerPasskey", { registrationToken, onEvent })).code;

/** Authenticates with a passkey. Resolves to the code for the server. */
export const askForPasskey = async (authenticationToken) =>
  (await perform("authenticatePasskey", { authenticationToken })).code;

export const canOfferInForms = async () =>
  Boolean(await PublicKeyCredential.isConditionalMediationAvailable?.());

/**
 * Signals a change of the vault ("update", "delete", "prune") to the device. Resolves to true on
 * success; the vault is changed in any case.
 */
export async function tell(kind, token) {
  try {
    const { warnings } = await perform(`${kind}Passkeys`, { [`${kind}PasskeysToken`]: token });
    return !warnings.some(({ code }) => code.startsWith("BROWSER_SIGNAL_"));
  } catch {
    return false;
  }
}

/** Signals an unknown passkey, so that the device removes it. Resolves to true on success. */
export async function forget(orphan) {
  const { warnings } = await perform("deleteOrphanedPasskey", orphan);
  return warnings.length === 0;
}
