using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Orleans;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>What a key's owner sets.</summary>
public sealed record KeyFields
{
    /// <summary>1–200 characters.</summary>
    public required string Name { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Public model names; empty allows all.</summary>
    public ImmutableArray<string> Models { get; init; } = [];

    /// <summary>Addresses or networks; empty allows all.</summary>
    public ImmutableArray<string> Addresses { get; init; } = [];

    /// <summary>Nanos, each above 0 or null.</summary>
    public SpendCaps Caps { get; init; } = SpendCaps.None;

    /// <summary>Each at least 1, or null.</summary>
    public RateLimits Limits { get; init; } = RateLimits.None;

    /// <summary>Whether answers tell their cost.</summary>
    public bool ShowCost { get; init; }
}

/// <summary>A key without its secret and without that one's hash.</summary>
public sealed record Key
{
    public required string AccountId { get; init; }
    public required string KeyId { get; init; }
    public required KeyStatus Status { get; init; }
    public required KeyFields Settings { get; init; }

    /// <summary>In all.</summary>
    public required long SpentNanos { get; init; }

    /// <summary>What it has spent in the windows of its caps. Of lists alone.</summary>
    [JsonIgnore]
    public KeySpend? Spend { get; init; }

    /// <summary>Of lists alone.</summary>
    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>Of lists alone.</summary>
    public string? UsedFrom { get; init; }

    internal static Key Of(string accountId, KeySettings settings, KeySpend spend) => new()
    {
        AccountId = accountId,
        KeyId = settings.KeyId,
        Status = settings.Status,
        SpentNanos = spend.TotalNanos,
        Settings = new KeyFields
        {
            Name = settings.Name,
            ExpiresAt = settings.ExpiresAt,
            Models = settings.Models,
            Addresses = settings.Addresses,
            Caps = settings.Caps,
            Limits = settings.Limits,
            ShowCost = settings.ShowCost,
        },
    };

    /// <summary>A key of a list.</summary>
    public static Key Of(string accountId, KeyListing row) => Of(accountId, row.Settings, row.Spend) with { Spend = row.Spend, UsedAt = row.UsedAt, UsedFrom = row.UsedFrom };
}

/// <summary>A key that was made.</summary>
public sealed record KeyCreated(Key Key)
{
    /// <summary>What the client authenticates with. Kept nowhere: null in the answer to a repeat.</summary>
    [JsonIgnore]
    public string? Secret { get; init; }
}

/// <summary>Keys: made, changed, disabled, enabled, revoked.</summary>
public sealed class KeyOperations(
    IGrainFactory grains, Changes changes, SigningSecrets secrets, RandomSource random, TimeProvider time)
{
    /// <summary>Makes a key. Its secret is in this one answer.</summary>
    public async Task<Result<KeyCreated>> CreateAsync(
        Actor actor, string requestId, string accountId, KeyFields settings, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        problems.CheckKey("settings", settings);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await changes.RunAsync(
            actor,
            requestId,
            new Change<KeyCreated>
            {
                Action = "key.create",
                RefusalOf = by => by.RefusalFor(accountId),
                AccountId = accountId,
                Subject = $"{accountId}/{Ids.NewKeyId(random)}",
                Request = new { accountId, settings },
                Read = async _ => await grains.FindAsync(accountId) is null ? Failure.UnknownAccount(accountId) : new Before(null),
                Act = subject => CreateAsync(accountId, subject[(accountId.Length + 1)..], settings),
            },
            cancellationToken);
    }

    /// <summary>Changes settings.</summary>
    /// <param name="paths">Which, such as <c>caps.day_nanos</c>; the others stay.</param>
    public async Task<Result<Key>> UpdateAsync(
        Actor actor,
        string requestId,
        string accountId,
        string keyId,
        KeyFields settings,
        IReadOnlyCollection<string> paths,
        CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        Masks.Key.Check(paths, problems);
        var given = Masks.Key.Apply(new KeyFields { Name = "-" }, settings, paths);
        problems.CheckKey("settings", given);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await ChangeAsync(
            actor,
            requestId,
            "key.update",
            accountId,
            keyId,
            new { accountId, keyId, settings = given, updateMask = paths.Order(StringComparer.Ordinal) },
            key => Set(key, Masks.Key.Apply(Key.Of(accountId, key, KeySpend.None).Settings, given, paths)),
            cancellationToken);
    }

    /// <summary>Disables a key, enables it again, or revokes it for good.</summary>
    /// <param name="status">Null is refused.</param>
    public async Task<Result<Key>> SetStatusAsync(
        Actor actor, string requestId, string accountId, string keyId, KeyStatus? status, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        if (status is null)
        {
            problems.Add("status", "It must be active, disabled or revoked.");
        }

        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        return await ChangeAsync(
            actor,
            requestId,
            "key.status",
            accountId,
            keyId,
            new { accountId, keyId, status },
            key => key with { Status = status!.Value },
            cancellationToken);
    }

    private async Task<Result<KeyCreated>> CreateAsync(string accountId, string keyId, KeyFields settings)
    {
        var text = ApiKey.Create(accountId, keyId, random, secrets, out var made);
        var request = new SetKeyRequest(0, Set(new KeySettings { KeyId = keyId, Hash = made.SecretHash, Name = "" }, settings));
        if (await time.ChangeAsync(accountId, () => grains.Account(accountId).SetKeyAsync(request)) is { } failure)
        {
            return failure;
        }

        if (await FindAsync(accountId, keyId) is not { } key)
        {
            return Failure.Unavailable;
        }

        // An earlier try that nobody knew the end of may have made it, with a secret that nobody was shown.
        return new KeyCreated(Key.Of(accountId, key.Settings, key.Spend)) { Secret = key.Settings.Hash == made.SecretHash ? text : null };
    }

    private async Task<Result<Key>> ChangeAsync(
        Actor actor,
        string requestId,
        string action,
        string accountId,
        string keyId,
        object request,
        Func<KeySettings, KeySettings> change,
        CancellationToken cancellationToken) => !Ids.IsKeyId(keyId) ? UnknownKey(accountId, keyId) : await changes.RunAsync(
            actor,
            requestId,
            new Change<Key>
            {
                Action = action,
                RefusalOf = by => by.RefusalFor(accountId),
                AccountId = accountId,
                Subject = $"{accountId}/{keyId}",
                Request = request,
                Read = async _ =>
                {
                    var found = await ReadAsync(accountId, keyId);
                    return found.Failure is { } failure ? failure : new Before(found.Value);
                },
                Act = async _ =>
                {
                    if (await FindAsync(accountId, keyId) is not { } key)
                    {
                        return Failure.Unavailable;
                    }

                    var changed = new SetKeyRequest(0, change(key.Settings));
                    return await time.ChangeAsync(accountId, () => grains.Account(accountId).SetKeyAsync(changed)) is { } failure
                        ? failure
                        : await ReadAsync(accountId, keyId);
                },
            },
            cancellationToken);

    private async Task<Result<Key>> ReadAsync(string accountId, string keyId)
    {
        if (await grains.FindAsync(accountId) is not { } view)
        {
            return Failure.UnknownAccount(accountId);
        }

        return view.Keys.FirstOrDefault(key => key.Settings.KeyId == keyId) is { } found
            ? Key.Of(accountId, found.Settings, found.Spend)
            : UnknownKey(accountId, keyId);
    }

    private static Failure UnknownKey(string accountId, string keyId) => new(FailureKind.UnknownKey, $"The account {Echo.Of(accountId)} has no key {Echo.Of(keyId)}.")
    {
        Fields = [new FieldProblem("key_id", "The account has no such key.")],
    };

    private async Task<KeyView?> FindAsync(string accountId, string keyId) =>
        (await grains.FindAsync(accountId))?.Keys.FirstOrDefault(key => key.Settings.KeyId == keyId);

    private static KeySettings Set(KeySettings key, KeyFields fields) => key with
    {
        Name = fields.Name,
        ExpiresAt = fields.ExpiresAt,
        Models = fields.Models,
        Addresses = fields.Addresses,
        Caps = fields.Caps,
        Limits = fields.Limits,
        ShowCost = fields.ShowCost,
    };
}
