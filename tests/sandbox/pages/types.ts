// SPDX-License-Identifier: LGPL-2.1-or-later
// Compiled by tsc --strict: what a page may write, and what it may not.

import * as lib from "@passlock/browser"
import { Passlock, type RegistrationResult, type WarningCode } from "@passlock/browser"

const passlock = new Passlock({ tenancyId: "t", endpoint: new URL("https://api.example") })

function registered(result: RegistrationResult): string {
  if (result.success) return result.code + result.value.code + result.principal.userId + result.id_token
  if (lib.isNetworkError(result)) return result.url
  if (lib.isOtherPasskeyError(result)) return result.code
  switch (result._tag) {
    case "@error/DuplicatePasskey":
      return "duplicate"
    case "@error/PasskeyUnsupported":
      return result.error.message
  }
}

export async function calls(): Promise<string[]> {
  const onEvent = (event: lib.RegistrationEvent) => console.log(event)
  const result = await passlock.registerPasskey({ registrationToken: "t", onEvent })
  const signIn = await lib.authenticatePasskey({ authenticationToken: "t" }, { tenancyId: "t" })
  if (signIn.failure && signIn._tag === "@error/OrphanedPasskey") {
    const deleted = await passlock.deleteOrphanedPasskey(signIn)
    if (deleted.failure) throw deleted
  }
  const updated = await passlock.updatePasskeys({ updatePasskeysToken: "t" })
  const codes: WarningCode[] = updated.success ? updated.warnings.map((warning) => warning.code) : []
  if (await lib.isAutofillSupport() && lib.isPasskeySupport()) codes.push("EMPTY_SIGNAL_PAYLOAD")
  addEventListener("PasslockLogEvent", (event) => console.log(event.level, event.message))
  return [registered(result), ...codes]
}

export async function mistakes(): Promise<void> {
  const withRpId = { registrationToken: "t", rpId: "localhost" }
  // @ts-expect-error the backend gives the option
  await passlock.registerPasskey(withRpId)
  const withAutofill = { authenticationToken: "t", autofill: true }
  // @ts-expect-error the backend gives the option
  await passlock.authenticatePasskey(withAutofill)
  // @ts-expect-error the token is missing
  await passlock.deletePasskeys({})
  // @ts-expect-error a plain object
  await passlock.deleteOrphanedPasskey({ credentialId: "c", rpId: "r" })
  // @ts-expect-error the tenancy is missing
  new Passlock({})
  const result = await passlock.prunePasskeys({ prunePasskeysToken: "t" })
  // @ts-expect-error a failed result has no warnings
  console.log(result.warnings)
  // @ts-expect-error not a code
  const code: WarningCode = "NONE"
  console.log(code)
}
