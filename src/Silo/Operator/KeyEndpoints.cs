using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Orleans;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting;
using OrleansGateway.Ledger.Postgres;
using static OrleansGateway.Silo.Operator.OperatorEndpoints;

namespace OrleansGateway.Silo.Operator;

/// <summary>Keys: made, listed, changed, disabled, enabled, revoked.</summary>
internal sealed class KeyEndpoints(IServiceProvider gateway)
{
    private const int NameLengthMax = 200;

    private readonly IGrainFactory _grains = gateway.GetRequiredService<IGrainFactory>();
    private readonly LedgerQueries _queries = gateway.GetRequiredService<LedgerQueries>();
    private readonly IOptions<GatewayOptions> _options = gateway.GetRequiredService<IOptions<GatewayOptions>>();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/accounts/{id}/keys", ListAsync);
        routes.MapPost("/accounts/{id}/keys", CreateAsync);
        routes.MapPatch("/accounts/{id}/keys/{keyId}", ChangeAsync);
    }

    private async Task<IResult> ListAsync(string id, CancellationToken cancellationToken) =>
        await _queries.AccountAsync(id, cancellationToken) is null
            ? UnknownAccount(id)
            : Results.Json((await _queries.KeysAsync(id, cancellationToken)).Select(KeyAnswer.Of), OperatorJson.Options);

    /// <summary>The one time that the key itself is shown; the grain gets its digest.</summary>
    private async Task<IResult> CreateAsync(string id, JsonElement body, CancellationToken cancellationToken)
    {
        if (!IsId(id))
        {
            return UnknownAccount(id);
        }

        if (!SigningSecret.TryParse(_options.Value.SigningSecret, out var secret))
        {
            return Refuse(409, "no_signing_secret", $"{SettingNames.Full("Gateway:SigningSecret")} is missing: keys cannot be made without it.");
        }

        var text = ApiKey.Create(id, Ids.NewKeyId(RandomSource.Secure), RandomSource.Secure, secret, out var key);
        var fields = new Fields(body);
        var settings = Read(fields, new KeySettings { KeyId = key.KeyId, Hash = key.SecretHash, Name = "" }, isNew: true);
        return fields.Problems() is { } problems
            ? Invalid(problems)
            : await SetAsync(id, settings, text, cancellationToken);
    }

    private async Task<IResult> ChangeAsync(string id, string keyId, JsonElement body, CancellationToken cancellationToken)
    {
        if (!IsId(id) || await _grains.Account(id).ShowAsync() is not { } view)
        {
            return UnknownAccount(id);
        }

        if (view.Keys.FirstOrDefault(key => key.Settings.KeyId == keyId) is not { } found)
        {
            return Refuse(404, "unknown_key", $"The account {id} has no key {keyId}.");
        }

        var fields = new Fields(body);
        var settings = Read(fields, found.Settings, isNew: false);
        return fields.Problems() is { } problems
            ? Invalid(problems)
            : await SetAsync(id, settings, text: null, cancellationToken);
    }

    private async Task<IResult> SetAsync(string id, KeySettings settings, string? text, CancellationToken cancellationToken)
    {
        var request = new SetKeyRequest(0, settings);
        var answer = await RepeatAsync(() => _grains.Account(id).SetKeyAsync(request), change => change.Outcome == ChangeOutcome.Retry, cancellationToken);
        if (Refusal(id, answer) is { } refusal)
        {
            return refusal;
        }

        var key = (await _queries.KeysAsync(id, cancellationToken)).Single(row => row.Settings.KeyId == settings.KeyId);
        return Results.Json(KeyAnswer.Of(key) with { Key = text }, OperatorJson.Options);
    }

    private static KeySettings Read(Fields fields, KeySettings keep, bool isNew) => keep with
    {
        Name = fields.Text("name", isNew ? null : keep.Name, NameLengthMax),
        Status = fields.Choice<KeyStatus>("status", keep.Status),
        ExpiresAt = fields.Time("expires_at", keep.ExpiresAt),
        Models = fields.Texts("models", keep.Models, model => model.Length is > 0 and <= 200, "model names"),
        Addresses = fields.Texts("addresses", keep.Addresses, IsAddress, "addresses or networks such as 203.0.113.0/24"),
        Caps = new SpendCaps(
            fields.Cap("cap_total_usd", keep.Caps.TotalNanos),
            fields.Cap("cap_day_usd", keep.Caps.DayNanos),
            fields.Cap("cap_week_usd", keep.Caps.WeekNanos),
            fields.Cap("cap_month_usd", keep.Caps.MonthNanos)),
        Limits = AccountEndpoints.ReadLimits(fields, keep.Limits),
        ShowCost = fields.Flag("show_cost", keep.ShowCost),
    };

    private static bool IsAddress(string text) => IPAddress.TryParse(text, out _) || IPNetwork.TryParse(text, out _);
}
