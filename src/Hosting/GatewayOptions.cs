using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Hosting;

/// <summary>What every program that serves clients is told; the configuration's section <c>Gateway</c>.</summary>
internal sealed class GatewayOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Gateway";

    /// <summary>Where clients reach the gateway: addresses with semicolons between them; port 0 takes a free one.</summary>
    public string Urls { get; set; } = "";

    /// <summary>What customers' keys are signed with.</summary>
    public string SigningSecret { get; set; } = "";

    /// <summary>How long a stop waits for running requests, seconds.</summary>
    public int StopSeconds { get; set; }
}

/// <summary>Checks <see cref="GatewayOptions"/>, all of them at once.</summary>
/// <param name="servesClients">Whether there is a port for clients; a silo may be without.</param>
internal sealed class GatewayOptionsValidator(bool servesClients) : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var problems = new SettingProblems(GatewayOptions.Section);
        if (servesClients)
        {
            problems.CheckUrls(nameof(options.Urls), options.Urls);
        }

        if (!SigningSecret.TryParse(options.SigningSecret, out _))
        {
            problems.Add(nameof(options.SigningSecret), $"is missing or too short: at least {SigningSecret.MinBytes} random bytes, as base64 or hex.");
        }

        problems.CheckRange(nameof(options.StopSeconds), options.StopSeconds, 0, 3600, "seconds");
        return problems.ToResult();
    }
}
