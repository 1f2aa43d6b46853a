using OrleansGateway.Web;
using Xunit;

namespace OrleansGateway.Tests.Unit.Web;

/// <summary>A wrong setting of the site is named at the start.</summary>
public sealed class SiteOptionsTests
{
    [Theory]
    [InlineData("https://login.example.org/realms/one", "gateway", "secret", "Login", null)]
    [InlineData("http://localhost:9000", "gateway", "secret", "Login", null)]
    [InlineData("http://login.example.org", "gateway", "secret", "Login", "Site:OpenIdAuthority (Site__OpenIdAuthority) is 'http://login.example.org'")]
    [InlineData("https://login.example.org?a=b", "gateway", "secret", "Login", "Site:OpenIdAuthority (Site__OpenIdAuthority) is ")]
    [InlineData("login.example.org", "gateway", "secret", "Login", "Site:OpenIdAuthority (Site__OpenIdAuthority) is ")]
    [InlineData("https://login.example.org", "", "secret", "Login", "Site:OpenIdClientId (Site__OpenIdClientId) is missing")]
    [InlineData("https://login.example.org", "gateway", "", "Login", "Site:OpenIdClientSecret (Site__OpenIdClientSecret) is missing")]
    [InlineData("https://login.example.org", "gateway", "secret", "", "Site:OpenIdName (Site__OpenIdName) must have")]
    [InlineData("", "gateway", "", "Login", "Site:OpenIdClientId (Site__OpenIdClientId) is set, and")]
    public void OpenId_ThatCannotWork_IsRefusedByName(string authority, string client, string secret, string name, string? problem)
    {
        var result = new SiteOptionsValidator().Validate(null, new SiteOptions
        {
            Url = "https://gateway.example",
            OpenIdAuthority = authority,
            OpenIdClientId = client,
            OpenIdClientSecret = secret,
            OpenIdName = name,
        });
        Assert.Equal(problem is null, result.Succeeded);
        Assert.True(problem is null || result.Failures!.Single().StartsWith(problem, StringComparison.Ordinal), result.FailureMessage);
    }
}
