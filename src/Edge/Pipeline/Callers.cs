using Microsoft.AspNetCore.Http;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Tells who asks for what is not relayed.</summary>
internal sealed class Callers(SigningSecrets secrets, AccountClient accounts, TimeProvider time)
{
    /// <summary>The account whose key is in force, and what its grain says of the key; null when the request was refused.</summary>
    /// <param name="isRequest">Whether it counts as a request by the key's limits, and the key's standing is told.</param>
    public async ValueTask<(string AccountId, KeyAnswer Key)?> AuthenticateAsync(HttpContext context, IFront front, bool isRequest)
    {
        if (!KeyReader.TryRead(context.Request, secrets, out var key))
        {
            await ErrorReply.WriteAsync(context, front, Refusals.InvalidKey);
            return null;
        }

        var answer = await accounts.FindKeyAsync(key, ClientAddress.Of(context), isRequest);
        front.WriteRates(context.Response.Headers, answer.Rates, time.GetUtcNow());
        if (answer.Outcome == AdmitOutcome.Admitted)
        {
            return (key.AccountId, answer);
        }

        await ErrorReply.WriteAsync(context, front, Refusals.Of(answer));
        return null;
    }
}
