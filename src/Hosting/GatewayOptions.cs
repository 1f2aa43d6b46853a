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

    /// <summary>They sign customers' keys: the newest comes first and signs, the others verify.</summary>
    public string[] SigningSecrets { get; set; } = [];

    /// <summary>
    /// Encrypt what the gateway stores encrypted: the keys that protect the site's sessions and mails. The newest comes first and encrypts, the others decrypt. There may be none.
    /// </summary>
    public string[] EncryptionSecrets { get; set; } = [];

    /// <summary>How long a start waits for a database that does not answer, seconds.</summary>
    public int StartSeconds { get; set; }

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

        var known = new Dictionary<string, string>();
        CheckSecrets(nameof(options.SigningSecrets), options.SigningSecrets, SigningSecrets.MaxCount, known, problems);
        CheckSecrets(nameof(options.EncryptionSecrets), options.EncryptionSecrets, EncryptionSecrets.MaxCount, known, problems);
        if (options.SigningSecrets.Length == 0)
        {
            problems.Add($"{nameof(options.SigningSecrets)}:0", $"is missing: at least {SecretText.MinBytes} random bytes, as base64 or hex.");
        }

        problems.CheckRange(nameof(options.StartSeconds), options.StartSeconds, 0, 3600, "seconds");
        problems.CheckRange(nameof(options.StopSeconds), options.StopSeconds, 0, 3600, "seconds");
        return problems.ToResult();
    }

    /// <param name="known">The secrets seen so far, each with the name of its setting: no two may be the same.</param>
    private static void CheckSecrets(string setting, string[] texts, int most, Dictionary<string, string> known, SettingProblems problems)
    {
        if (texts.Length > most)
        {
            problems.Add(setting, $"has {texts.Length} secrets; {most} are the most.");
        }

        for (var i = 0; i < texts.Length; i++)
        {
            var name = $"{setting}:{i}";
            if (!SecretText.TryParse(texts[i], out var secret))
            {
                problems.Add(name, $"is empty or too short: at least {SecretText.MinBytes} random bytes, as base64 or hex.");
            }
            else if (!known.TryAdd(Convert.ToHexString(secret), name))
            {
                problems.Add(name, $"is the same secret as {problems.Name(known[Convert.ToHexString(secret)])}: each has to be one of its own.");
            }
        }
    }
}
