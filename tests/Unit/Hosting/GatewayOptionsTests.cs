using Microsoft.Extensions.Configuration;
using OrleansGateway.Grains.Contracts.Keys;
using OrleansGateway.Hosting;
using Xunit;

namespace OrleansGateway.Tests.Unit.Hosting;

/// <summary>The secrets among the settings.</summary>
public sealed class GatewayOptionsTests
{
    private const string First = "a first secret with more than 32 characters";
    private const string Second = "a second secret with more than 32 characters";
    private const string Third = "a third secret with more than 32 characters";

    [Fact]
    public void Validate_SecretsOfBothKinds_Passes() =>
        Assert.Empty(Problems(("SigningSecrets:0", First), ("SigningSecrets:1", Second), ("EncryptionSecrets:0", Third)));

    [Fact]
    public void Validate_NoEncryptionSecret_Passes() => Assert.Empty(Problems(("SigningSecrets:0", First)));

    [Fact]
    public void Validate_NoSigningSecret_NamesTheFirst() =>
        Assert.StartsWith("Gateway:SigningSecrets:0 (Gateway__SigningSecrets__0) is missing", Assert.Single(Problems()), StringComparison.Ordinal);

    [Fact]
    public void Validate_AShortOne_NamesItAndDoesNotShowIt()
    {
        const string Short = "too short";
        var problems = Problems(("SigningSecrets:0", First), ("SigningSecrets:1", Short), ("EncryptionSecrets:0", Short));

        Assert.Collection(
            problems,
            problem => Assert.StartsWith("Gateway:SigningSecrets:1 (Gateway__SigningSecrets__1) ", problem, StringComparison.Ordinal),
            problem => Assert.StartsWith("Gateway:EncryptionSecrets:0 (Gateway__EncryptionSecrets__0) ", problem, StringComparison.Ordinal));
        Assert.DoesNotContain("'" + Short, string.Concat(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_AnEncryptionSecretThatSignsToo_NamesBoth()
    {
        var problem = Assert.Single(Problems(("SigningSecrets:0", First), ("SigningSecrets:1", Second), ("EncryptionSecrets:0", Second)));

        Assert.StartsWith("Gateway:EncryptionSecrets:0 ", problem, StringComparison.Ordinal);
        Assert.Contains("Gateway:SigningSecrets:1 ", problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Second, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_TooMany_NamesTheSetting()
    {
        var secrets = Enumerable.Range(0, SigningSecrets.MaxCount + 1).Select(i => ($"SigningSecrets:{i}", $"{First} {i}")).ToArray();

        Assert.Contains("Gateway:SigningSecrets ", Assert.Single(Problems(secrets)), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Problems(params (string Name, string Value)[] settings)
    {
        var options = new GatewayOptions();
        new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"Gateway:{setting.Name}", (string?)setting.Value)))
            .Build()
            .GetSection(GatewayOptions.Section)
            .Bind(options);
        return new GatewayOptionsValidator(servesClients: false).Validate(null, options).Failures ?? [];
    }
}
