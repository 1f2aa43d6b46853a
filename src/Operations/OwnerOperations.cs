using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Orleans;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>A link that makes whoever uses it first the owner of an account.</summary>
public sealed record OwnerLink(string AccountId, DateTimeOffset ExpiresAt)
{
    /// <summary>What the link has to carry. Kept nowhere: null in the answer to a repeat.</summary>
    [JsonIgnore]
    public string? Token { get; init; }
}

/// <summary>A person and the account that they own.</summary>
public sealed record Ownership(string AccountId, Guid PersonId);

/// <summary>Accounts get owners: people who sign in.</summary>
public sealed class OwnerOperations(IGrainFactory grains, Changes changes, Memberships memberships, RandomSource random, TimeProvider time)
{
    private const int TokenBytes = 24;
    private static readonly TimeSpan LinkLife = TimeSpan.FromDays(7);

    /// <summary>Makes a link. Its token is in this one answer.</summary>
    public async Task<Result<OwnerLink>> CreateLinkAsync(Actor actor, string requestId, string accountId, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        return problems.ToFailure() is { } failure ? failure : await changes.RunAsync(
            actor,
            requestId,
            new Change<OwnerLink>
            {
                Action = "account.owner_link",
                AccountId = accountId,
                Subject = accountId,
                Request = new { accountId },
                Read = ReadAsync,
                Act = async _ =>
                {
                    var token = new byte[TokenBytes];
                    random.Fill(token);
                    var text = Base64Url.EncodeToString(token);
                    var now = time.GetUtcNow();
                    await memberships.AddLinkAsync(HashOf(text), accountId, now, now + LinkLife, cancellationToken);
                    return new OwnerLink(accountId, now + LinkLife) { Token = text };
                },
            },
            cancellationToken);
    }

    /// <summary>Makes the person with an e-mail address the owner of an account, whatever account they had.</summary>
    /// <param name="email">Of somebody who has registered and confirmed it.</param>
    public async Task<Result<Ownership>> AttachAsync(Actor actor, string requestId, string accountId, string email, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        problems.CheckText("email", email);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        if (actor.Refusal is { } refusal)
        {
            return refusal;
        }

        // The audit is for good, an address is not.
        return await memberships.PersonOfAsync(email, cancellationToken) is not { } personId
            ? Failure.Invalid("email", "Nobody has registered and confirmed it.")
            : await changes.RunAsync(
                actor,
                requestId,
                new Change<Ownership>
                {
                    Action = "account.attach",
                    AccountId = accountId,
                    Subject = accountId,
                    Request = new { accountId, personId },
                    Read = ReadAsync,
                    Act = async _ =>
                    {
                        await memberships.MoveAsync(personId, accountId, time.GetUtcNow(), CancellationToken.None);
                        return new Ownership(accountId, personId);
                    },
                },
                cancellationToken);
    }

    /// <summary>Uses a link up: the person becomes the owner of its account.</summary>
    /// <param name="actor">The person.</param>
    /// <param name="token">The link's.</param>
    /// <param name="cancellationToken">Calls it off until its intent is written.</param>
    public async Task<Result<Ownership>> ClaimAsync(Actor actor, string token, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(actor.Id, out var personId))
        {
            return new Failure(FailureKind.NotAllowed, "Only people may do this.");
        }

        var hash = HashOf(token);
        var name = Convert.ToHexStringLower(hash);
        return await changes.RunAsync(
            actor,
            $"claim-{name}",
            new Change<Ownership>
            {
                Action = "account.claim",
                Subject = $"person/{actor.Id}",
                Request = new { link = name },
                RefusalOf = static _ => null,
                Read = static _ => Task.FromResult<Result<Before>>(new Before(null)),
                Act = async _ => await memberships.UseLinkAsync(hash, personId, time.GetUtcNow(), CancellationToken.None) is { } accountId
                    ? new Ownership(accountId, personId)
                    : new Failure(FailureKind.Invalid, "The link is used up or too old."),
            },
            cancellationToken);
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private async Task<Result<Before>> ReadAsync(string accountId) =>
        await grains.FindAsync(accountId) is { } view ? new Before(Account.Of(view)) : Failure.UnknownAccount(accountId);
}
