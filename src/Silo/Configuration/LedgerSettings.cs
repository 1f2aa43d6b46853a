using System.Data.Common;
using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Configuration;

/// <summary>The configuration's section <c>ConnectionStrings</c>.</summary>
public sealed class LedgerSettings
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "ConnectionStrings";

    /// <summary>The Npgsql connection string of the PostgreSQL database that keeps the ledger.</summary>
    public string Ledger { get; set; } = "";
}

/// <summary>Checks <see cref="LedgerSettings"/>; never repeats the connection string, since it may hold a password.</summary>
internal sealed class LedgerSettingsValidator : IValidateOptions<LedgerSettings>
{
    public ValidateOptionsResult Validate(string? name, LedgerSettings options)
    {
        if (options.Ledger.Length == 0)
        {
            return ValidateOptionsResult.Fail(
                $"{SettingNames.Full(SettingNames.Ledger)} is missing: such as Host=127.0.0.1;Database=ledger;Username=gateway.");
        }

        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = options.Ledger };
            return parts.ContainsKey("Host") || parts.ContainsKey("Server")
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail($"{SettingNames.Full(SettingNames.Ledger)} names no Host.");
        }
        catch (ArgumentException)
        {
            return ValidateOptionsResult.Fail($"{SettingNames.Full(SettingNames.Ledger)} is not a connection string (Name=value;…).");
        }
    }
}
